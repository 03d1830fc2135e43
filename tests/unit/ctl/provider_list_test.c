/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "provider_list.h"

static const struct provider_list_columns usual;

static int
read_text(const char *text, const struct provider_list_columns *columns, struct provider_list *out,
          struct errmsg *why)
{
    char path[] = "/tmp/relayos-test-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = provider_list_read(path, columns, out, why);
    unlink(path);
    return rc;
}

static void
expect_refused(const char *text, int err, const char *part)
{
    struct provider_list list;
    struct errmsg why = {""};

    cr_expect_eq(read_text(text, &usual, &list, &why), err, "%s", text);
    cr_expect_not_null(strstr(why.text, part), "%s: %s", text, why.text);
}

Test(provider_list, finds_columns_by_their_usual_names)
{
    struct provider_list list;
    struct errmsg why;

    cr_assert_eq(read_text("Date,Request ID,Prompt-Tokens,Completion Tokens,Cost\r\n"
                           "x,req_2,10,20,0.5\r\nx,req_1,1,2,$0.000001\r\n",
                           &usual, &list, &why),
                 0, "%s", why.text);
    cr_expect(list.has_tokens && list.has_cost);
    cr_assert_eq(list.n_rows, 2);
    cr_expect_str_eq(list.rows[0].id, "req_1");
    cr_expect_eq(list.rows[0].cost_nusd, 1000);
    cr_expect_eq(list.rows[1].input_tokens, 10);
    cr_expect_eq(list.rows[1].output_tokens, 20);
    cr_expect_eq(list.rows[1].cost_nusd, 500000000);
    cr_expect_eq(list.rows[1].line, 2);
    provider_list_fini(&list);
}

Test(provider_list, takes_the_columns_that_are_named)
{
    const struct provider_list_columns columns = {.id = "trace", .cost = "euro"};
    struct provider_list list;
    struct errmsg why;

    cr_assert_eq(read_text("request_id,trace,euro,cost\na,b,1,2\n", &columns, &list, &why), 0);
    cr_expect_str_eq(list.rows[0].id, "b");
    cr_expect_eq(list.rows[0].cost_nusd, 1000000000);
    cr_expect_not(list.has_tokens);
    provider_list_fini(&list);
    cr_expect_eq(read_text("request_id,cost\na,1\n", &columns, &list, &why), ERR_MISSING);
    cr_expect_not_null(strstr(why.text, "no column trace"), "%s", why.text);
}

Test(provider_list, reads_json_lines_too)
{
    struct provider_list list;
    struct errmsg why;

    cr_assert_eq(
        read_text("{\"id\": \"a\", \"input_tokens\": 7, \"output_tokens\": null,"
                  " \"cost_usd\": 1.5e-05}\n\n{\"id\":\"b\\u0041\",\"cost_usd\":\"2\"}\r\n",
                  &usual, &list, &why),
        0, "%s", why.text);
    cr_assert_eq(list.n_rows, 2);
    cr_expect_eq(list.rows[0].cost_nusd, 15000);
    cr_expect_eq(list.rows[0].input_tokens, 7);
    cr_expect_str_eq(list.rows[1].id, "bA");
    cr_expect_eq(list.rows[1].cost_nusd, 2000000000);
    provider_list_fini(&list);
}

Test(provider_list, adds_up_lines_of_one_id)
{
    struct provider_list list;
    struct errmsg why;

    cr_assert_eq(read_text("id,input_tokens,output_tokens,cost\nb,1,2,0.1\na,5,5,1\nb,10,20,0.2\n",
                           &usual, &list, &why),
                 0);
    cr_assert_eq(list.n_rows, 2);
    cr_expect_eq(list.rows[1].input_tokens, 11);
    cr_expect_eq(list.rows[1].output_tokens, 22);
    cr_expect_eq(list.rows[1].cost_nusd, 300000000);
    cr_expect_eq(list.rows[1].line, 2);
    provider_list_fini(&list);
}

Test(provider_list, half_a_list_is_refused_with_its_line)
{
    expect_refused("", ERR_MISSING, "empty");
    expect_refused("day,cost\n1,2\n", ERR_MISSING, "--id-column");
    expect_refused("id,cost\na,1\n,2\n", ERR_SYNTAX, "line 3: it has no request id");
    expect_refused("id,cost\na,one\n", ERR_SYNTAX, "line 2: \"one\" is no cost");
    expect_refused("id,cost\na,-1\n", ERR_SYNTAX, "line 2: \"-1\" is no cost");
    expect_refused("id,input_tokens\na,1.5\n", ERR_SYNTAX, "line 2: \"1.5\" is no number");
    expect_refused("id,input_tokens\na,99999999999999999999\n", ERR_SYNTAX, "line 2");
    expect_refused("{\"id\": \"a\"}\n{\"id\": \n", ERR_SYNTAX, "line 2");
    expect_refused("{\"cost\": 1}\n", ERR_SYNTAX, "line 1: it has no request id");
}

Test(provider_list, costs_are_exact_to_the_nano)
{
    static const struct {
        const char *text;
        int64_t nusd; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"0.000000001", 1},
        {"0.0000000005", 1},
        {"0.00000000049999", 0},
        {"$12.345678901", 12345678901},
        {".5", 500000000},
        {"1e-9", 1},
        {"1E+2", 100000000000},
        {"2.5e-05", 25000},
        {"1e-40", 0},
        {"9223372036.854775807", INT64_MAX},
        {"9223372036.854775808", -1},
        {"1e9", 1000000000000000000},
        {"1e99", -1},
        {"", -1},
        {".", -1},
        {"1.2.3", -1},
        {"1,5", -1},
        {"-1", -1},
        {"1e", -1},
        {"nan", -1},
        {"1 usd", -1},
        {"1234567890123456789012345678901234", -1},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct slice text = slice_str(cases[n].text);
        int64_t nusd = -1;

        int rc = provider_list_cost(text, &nusd);
        cr_expect_eq(rc == 0, cases[n].nusd >= 0, "%s", cases[n].text);
        cr_expect_eq(nusd, cases[n].nusd, "%s: %lld", cases[n].text, (long long)nusd);
    }
}
