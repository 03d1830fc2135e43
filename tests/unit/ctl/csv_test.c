/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"

#define OUTPUT_SIZE 4096

/* Every record as "[field|field]" with its line, then the end: "" or what is wrong. */
static void
read_all(const char *text, size_t len, char out[OUTPUT_SIZE])
{
    FILE *file = fmemopen((void *)text, len, "r");
    struct errmsg why = {""};
    struct csv csv;
    size_t at = 0;
    int rc;

    csv_init(&csv, file);
    out[0] = '\0';
    while ((rc = csv_next(&csv, &why)) == 1) {
        at += (size_t)snprintf(out + at, OUTPUT_SIZE - at, "%zu[", csv.line);
        for (size_t n = 0; n < csv.n_fields; n++) {
            struct slice field = csv_field(&csv, n);

            at += (size_t)snprintf(out + at, OUTPUT_SIZE - at, "%s%.*s", n == 0 ? "" : "|",
                                   (int)field.len, field.ptr);
        }
        at += (size_t)snprintf(out + at, OUTPUT_SIZE - at, "]");
    }
    if (rc != 0)
        snprintf(out + at, OUTPUT_SIZE - at, "!%s", why.text);
    csv_fini(&csv);
    (void)fclose(file);
}

static void
expect(const char *text, const char *wanted)
{
    char out[OUTPUT_SIZE];

    read_all(text, strlen(text), out);
    cr_expect_str_eq(out, wanted, "%s: %s", text, out);
}

Test(csv, reads_what_rfc_4180_says)
{
    expect("a,b,c\r\n1,2,3\r\n", "1[a|b|c]2[1|2|3]");
    expect("a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\r\n", "1[a|b]2[x, y|say \"hi\"]");
    expect("a\r\n\"two\r\nlines\"\r\nb\r\n", "1[a]2[two\r\nlines]4[b]");
    expect("a,b\r\n\"\",\r\n,\"\"\r\n", "1[a|b]2[|]3[|]");
    expect("a,b\r\n1,2", "1[a|b]2[1|2]");
}

Test(csv, reads_what_others_write)
{
    expect("\xef\xbb\xbf"
           "a,b\n1,2\n",
           "1[a|b]2[1|2]");
    expect("a;b\n1,5;2\n", "1[a|b]2[1,5|2]");
    expect("a\tb\n1\t2\n", "1[a|b]2[1|2]");
    expect("a,b\n\n1,2\n\r\n\n", "1[a|b]3[1|2]");
    expect("a,b\n5\" wide,x\r y\n", "1[a|b]2[5\" wide|x\r y]");
    expect("", "");
    expect("\n\n", "");
    expect("\xef\xbb\xbf", "");
}

Test(csv, says_where_it_is_broken)
{
    char out[OUTPUT_SIZE];

    expect("a,b\n1,\"open\n", "1[a|b]!line 2: quotes that do not match, or a NUL byte");
    expect("a,b\n\"x\"y,2\n", "1[a|b]!line 2: quotes that do not match, or a NUL byte");
    expect("a,b\n\"x\"", "1[a|b]2[x]");
    read_all("a\n\0b\n", 5, out);
    cr_expect_str_eq(out, "1[a]!line 2: quotes that do not match, or a NUL byte");
}

Test(csv, bounds_a_record)
{
    size_t len = 2 * 1024 * 1024;
    char *text = malloc(len), out[OUTPUT_SIZE];

    memset(text, 'x', len);
    read_all(text, len, out);
    cr_expect_str_eq(out, "!line 1: too long a record");
    memset(text, ',', len);
    read_all(text, len, out);
    cr_expect_str_eq(out, "!line 1: too long a record");
    free(text);
}
