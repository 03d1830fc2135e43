-- The tables of new-api that are read, with the columns of its models.
CREATE TABLE channels (id integer PRIMARY KEY, type integer DEFAULT 0, key text NOT NULL, open_ai_organization text, test_model text,
  status integer DEFAULT 1, name text, weight integer DEFAULT 0, created_time bigint, test_time bigint, response_time integer,
  base_url text DEFAULT '', other text, balance real, balance_updated_time bigint, models text, `group` varchar(64) DEFAULT 'default',
  used_quota bigint DEFAULT 0, model_mapping text, status_code_mapping varchar(1024) DEFAULT '', priority bigint DEFAULT 0,
  auto_ban integer DEFAULT 1, other_info text, tag text, setting text, param_override text, header_override text, remark text,
  channel_info json, settings text);
CREATE TABLE tokens (id integer PRIMARY KEY, user_id integer, key varchar(128) UNIQUE, status integer DEFAULT 1, name text,
  created_time bigint, accessed_time bigint, expired_time bigint DEFAULT -1, remain_quota integer DEFAULT 0, unlimited_quota numeric,
  model_limits_enabled numeric, model_limits text, allow_ips text DEFAULT '', used_quota integer DEFAULT 0, `group` text DEFAULT '',
  cross_group_retry numeric, billing_type integer DEFAULT 0, deleted_at datetime);
CREATE TABLE users (id integer PRIMARY KEY, username text UNIQUE, password text NOT NULL, display_name text, role integer DEFAULT 1,
  status integer DEFAULT 1, email text, quota bigint DEFAULT 0, used_quota bigint DEFAULT 0, request_count integer DEFAULT 0,
  `group` varchar(64) DEFAULT 'default');
CREATE TABLE abilities (`group` varchar(64), model varchar(255), channel_id integer, enabled numeric, priority bigint DEFAULT 0,
  weight integer DEFAULT 0, tag text, PRIMARY KEY (`group`, model, channel_id));
CREATE TABLE options (key text PRIMARY KEY, value text);

INSERT INTO options VALUES ('ModelRatio', '{"gpt-4o": 1.25, "claude-sonnet-4": 1.5, "dall-e-3": 20}'),
  ('CompletionRatio', '{"gpt-4o": 4, "claude-sonnet-4": 5}'), ('CacheRatio', '{"gpt-4o": 0.5}'),
  ('ModelPrice', '{"flat": 0.01}'), ('GroupRatio', '{"default": 1, "vip": 0.8}');
INSERT INTO channels (id, type, key, status, name, weight, base_url, models, `group`, model_mapping, priority, param_override) VALUES
  (1, 1, 'sk-openai-secret-one' || char(10) || 'sk-openai-secret-two', 1, 'OpenAI main', 10, '', 'gpt-4o,flat', 'default,vip', '', 10, NULL),
  (2, 3, 'azure-secret', 1, 'azure eu', 0, 'https://r.openai.azure.com', 'gpt-4o', 'vip', '{"gpt-4o": "gpt-4o-eu"}', 0, '{"temperature": 0}'),
  (3, 14, 'sk-ant-secret', 2, 'Anthropic', 0, '', 'claude-sonnet-4', 'vip', '', 0, NULL),
  (4, 33, 'ak|sk|region', 1, 'AWS', 0, '', 'claude-bedrock', 'default', '', 0, NULL);
INSERT INTO users (id, username, password, status, quota, `group`) VALUES (1, 'root', 'x', 1, 100000000, 'vip'), (2, 'bob', 'x', 1, 500000, 'default'),
  (3, 'eve', 'x', 2, 0, 'default');
INSERT INTO tokens (id, user_id, key, status, name, expired_time, remain_quota, unlimited_quota, model_limits_enabled, model_limits, allow_ips, deleted_at) VALUES
  (1, 1, 'AAAAbbbbCCCCddddEEEEffffGGGGhhhhIIIIjjjjKKKKwxyz', 1, 'laptop', -1, 0, 1, 0, '', '', NULL),
  (2, 2, 'BBBBbbbbCCCCddddEEEEffffGGGGhhhhIIIIjjjjKKKK2222', 1, 'laptop', 1893456000, 2500000, 0, 1, 'gpt-4o,claude-sonnet-4', '10.0.0.0/8' || char(10) || '192.0.2.7', NULL),
  (3, 2, 'CCCCbbbbCCCCddddEEEEffffGGGGhhhhIIIIjjjjKKKK3333', 4, 'used up', -1, 0, 0, 0, '', '', NULL),
  (4, 3, 'DDDDbbbbCCCCddddEEEEffffGGGGhhhhIIIIjjjjKKKK4444', 1, '7', -1, 500000, 0, 0, '', '', NULL),
  (5, 2, 'EEEEbbbbCCCCddddEEEEffffGGGGhhhhIIIIjjjjKKKK5555', 1, 'deleted', -1, 0, 1, 0, '', '', '2026-01-01 00:00:00');
