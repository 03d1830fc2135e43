/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_foreign.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "relayos/base/mem.h"

struct store_foreign {
    sqlite3 *db;
};

struct store_foreign_row {
    sqlite3_stmt *statement;
};

static int find(const struct store_foreign_row *row, const char *column);

int
store_foreign_open(const char *path, struct store_foreign **out, struct errmsg *why)
{
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        errmsg_set(why, "%s", sqlite3_errmsg(db));
        sqlite3_close(db);
        return ERR_IO;
    }
    *out = mem_zalloc(sizeof(**out));
    (*out)->db = db;
    return 0;
}

void
store_foreign_close(struct store_foreign **foreign)
{
    if (*foreign == NULL)
        return;
    sqlite3_close((*foreign)->db);
    free(*foreign);
    *foreign = NULL;
}

bool
store_foreign_can(const struct store_foreign *foreign, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    bool can = sqlite3_prepare_v2(foreign->db, sql, -1, &statement, NULL) == SQLITE_OK;

    sqlite3_finalize(statement);
    return can;
}

int
store_foreign_each(const struct store_foreign *foreign, const char *sql, store_foreign_take *take,
                   void *data, struct errmsg *why)
{
    struct store_foreign_row row = {NULL};
    int step;

    if (sqlite3_prepare_v2(foreign->db, sql, -1, &row.statement, NULL) != SQLITE_OK) {
        errmsg_set(why, "%s", sqlite3_errmsg(foreign->db));
        return ERR_SYNTAX;
    }
    while ((step = sqlite3_step(row.statement)) == SQLITE_ROW)
        take(data, &row);
    if (step != SQLITE_DONE)
        errmsg_set(why, "%s", sqlite3_errmsg(foreign->db));
    sqlite3_finalize(row.statement);
    return step == SQLITE_DONE ? 0 : ERR_IO;
}

const char *
store_foreign_text(const struct store_foreign_row *row, const char *column)
{
    int n = find(row, column);
    const unsigned char *text = n < 0 ? NULL : sqlite3_column_text(row->statement, n);

    return text == NULL ? "" : (const char *)text;
}

int64_t
store_foreign_int(const struct store_foreign_row *row, const char *column)
{
    int n = find(row, column);

    return n < 0 ? 0 : sqlite3_column_int64(row->statement, n);
}

/* -1: there is none. */
static int
find(const struct store_foreign_row *row, const char *column)
{
    for (int n = 0; n < sqlite3_column_count(row->statement); n++) {
        if (strcmp(sqlite3_column_name(row->statement, n), column) == 0)
            return n;
    }
    return -1;
}
