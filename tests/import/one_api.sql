-- The tables of one-api that are read, with the columns of its models.
CREATE TABLE channels (id integer PRIMARY KEY, type integer DEFAULT 0, key text, status integer DEFAULT 1, name text, weight integer DEFAULT 0,
  created_time bigint, test_time bigint, response_time integer, base_url text DEFAULT '', other text, balance real, balance_updated_time bigint,
  models text, `group` varchar(32) DEFAULT 'default', used_quota bigint DEFAULT 0, model_mapping varchar(1024) DEFAULT '', priority bigint DEFAULT 0,
  config text, system_prompt text);
CREATE TABLE tokens (id integer PRIMARY KEY, user_id integer, key char(48) UNIQUE, status integer DEFAULT 1, name text, created_time bigint,
  accessed_time bigint, expired_time bigint DEFAULT -1, remain_quota bigint DEFAULT 0, unlimited_quota numeric DEFAULT false, used_quota bigint DEFAULT 0,
  models text, subnet text DEFAULT '');
CREATE TABLE users (id integer PRIMARY KEY, username text UNIQUE, password text NOT NULL, status integer DEFAULT 1, quota bigint DEFAULT 0,
  `group` varchar(32) DEFAULT 'default');
CREATE TABLE options (key text PRIMARY KEY, value text);

INSERT INTO channels (id, type, key, status, name, base_url, models, model_mapping, config) VALUES
  (1, 3, 'azure-secret', 1, 'azure', 'https://r.openai.azure.com', 'gpt-4o', '', '{"api_version": "2024-06-01"}'),
  (2, 36, 'sk-deepseek-secret', 1, 'deepseek', '', 'deepseek-chat', '', '');
INSERT INTO options VALUES ('ModelRatio', '{"gpt-4o": 1.25, "deepseek-chat": 0.135}'), ('CompletionRatio', '{"gpt-4o": 4}');
INSERT INTO users (id, username, password) VALUES (1, 'root', 'x');
INSERT INTO tokens (id, user_id, key, name, expired_time, remain_quota, unlimited_quota, models, subnet) VALUES
  (1, 1, 'AAAAbbbbCCCCddddEEEEffffGGGGhhhhIIIIjjjjKKKKwxyz', 'script', -1, 1000000, 0, 'gpt-4o', '10.0.0.0/8,not-a-network');
