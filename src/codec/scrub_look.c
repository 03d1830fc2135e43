/* SPDX-License-Identifier: ISC
 *
 * scrub_look - rules that say where a secret may begin, and how far it goes. Whoever calls may have
 * written the text: each rule looks a bounded way ahead, or takes along what it has looked at.
 */
#include "scrub_look.h"

#include <assert.h>

#include "scrub_find.h"

#define LONG_RUN    32  /* letters and digits in a row, both of them */
#define LONG_BASE64 128 /* characters in a row */
#define PEM_MAX     8192
#define LOCAL_PART  64 /* of an address */
#define DOMAIN      255
#define CARD_MIN    13
#define CARD_MAX    19

enum trait {
    DIGIT = 1,
    LETTER = 2,
    ALNUM = DIGIT | LETTER,
    OF_TOKEN = 4,  /* goes on in the middle of a key */
    OF_BASE64 = 8, /* of either alphabet, padding too */
    OF_LOCAL = 16,
    OF_DOMAIN = 32,
    OF_SPACE = 64,
};
static const uint8_t traits[256] = {
    ['0' ... '9'] = DIGIT | OF_TOKEN | OF_BASE64 | OF_LOCAL | OF_DOMAIN,
    ['A' ... 'Z'] = LETTER | OF_TOKEN | OF_BASE64 | OF_LOCAL | OF_DOMAIN,
    ['a' ... 'z'] = LETTER | OF_TOKEN | OF_BASE64 | OF_LOCAL | OF_DOMAIN,
    ['-'] = OF_TOKEN | OF_BASE64 | OF_LOCAL | OF_DOMAIN,
    ['_'] = OF_TOKEN | OF_BASE64 | OF_LOCAL,
    ['.'] = OF_TOKEN | OF_LOCAL | OF_DOMAIN,
    ['+'] = OF_TOKEN | OF_BASE64 | OF_LOCAL,
    ['/'] = OF_TOKEN | OF_BASE64,
    ['='] = OF_TOKEN | OF_BASE64,
    ['~'] = OF_TOKEN,
    ['%'] = OF_LOCAL,
    ['\''] = OF_LOCAL,
    [' '] = OF_SPACE,
    [0x80 ... 0xff] = OF_LOCAL | OF_DOMAIN,
};

/* What keys begin with; how much more makes it one, where words begin so too. */
static const struct prefix {
    const char *text;
    uint8_t kind, n_more;
} prefixes[] = {
    {"sk-", SCRUB_KEY, 6},      {"sk_live_", SCRUB_KEY, 6},    {"sk_test_", SCRUB_KEY, 6},
    {"rk_live_", SCRUB_KEY, 6}, {"AIza", SCRUB_KEY, 6},        {"ya29.", SCRUB_KEY, 6},
    {"AKIA", SCRUB_KEY, 8},     {"ASIA", SCRUB_KEY, 8},        {"ghp_", SCRUB_KEY, 6},
    {"gho_", SCRUB_KEY, 6},     {"ghu_", SCRUB_KEY, 6},        {"ghs_", SCRUB_KEY, 6},
    {"ghr_", SCRUB_KEY, 6},     {"github_pat_", SCRUB_KEY, 6}, {"glpat-", SCRUB_KEY, 6},
    {"xoxa-", SCRUB_KEY, 6},    {"xoxb-", SCRUB_KEY, 6},       {"xoxc-", SCRUB_KEY, 6},
    {"xoxd-", SCRUB_KEY, 6},    {"xoxe-", SCRUB_KEY, 6},       {"xoxe.", SCRUB_KEY, 6},
    {"xoxo-", SCRUB_KEY, 6},    {"xoxp-", SCRUB_KEY, 6},       {"xoxr-", SCRUB_KEY, 6},
    {"xoxs-", SCRUB_KEY, 6},    {"xapp-", SCRUB_KEY, 6},       {"xai-", SCRUB_KEY, 16},
    {"gsk_", SCRUB_KEY, 16},    {"hf_", SCRUB_KEY, 20},        {"nvapi-", SCRUB_KEY, 16},
    {"pplx-", SCRUB_KEY, 16},   {"r8_", SCRUB_KEY, 20},        {"npm_", SCRUB_KEY, 20},
    {"whsec_", SCRUB_KEY, 8},   {"eyJ", SCRUB_TOKEN, 10},
};

static void note_first_letters(bool begins[256]);
static uint8_t traits_of(char c);
static bool is_end_of_escape(const struct scrub_view *view, size_t at);
static bool is_hex(char c);
static size_t span(const struct scrub_view *view, size_t at, uint8_t trait);
static bool begins_with(const struct scrub_view *view, size_t at, const char *text);
static size_t key_at(const struct scrub_view *view, size_t at, uint8_t *out_kind);
static size_t bearer_at(const struct scrub_view *view, size_t at, size_t *out_from);
static bool begins_with_word(const struct scrub_view *view, size_t at, const char *word);
static size_t run_at(const struct scrub_view *view, size_t at, uint8_t *out_kind);
static size_t private_key_at(const struct scrub_view *view, size_t at);
static void look_for_address(const struct scrub_view *view, size_t at, uint8_t *marks);
static size_t domain_at(const struct scrub_view *view, size_t at);
static size_t card_at(const struct scrub_view *view, size_t at);
static bool is_card(const uint8_t *digits, size_t n);
static void mark_tail(const struct scrub_view *view, uint8_t *marks);

void
scrub_look(const struct scrub_view *view, bool is_cut, uint8_t *marks)
{
    bool begins[256] = {['B'] = true, ['b'] = true};
    size_t at = 0;

    note_first_letters(begins);
    while (at < view->n) {
        uint8_t here = traits_of(view->text[at]);
        uint8_t before = at == 0 ? 0 : traits_of(view->text[at - 1]);
        uint8_t kind = SCRUB_NOTHING;
        size_t from = at, len = 0;

        if ((before & ALNUM) != 0 && is_end_of_escape(view, at))
            before = 0;
        if ((here & LETTER) != 0 && (before & ALNUM) != 0) { /* nothing begins in a word's middle */
            at++;
            continue;
        }
        if (view->text[at] == '@')
            look_for_address(view, at, marks);
        else if (view->text[at] == '-' && (len = private_key_at(view, at)) > 0)
            kind = SCRUB_PRIVATE_KEY;
        if ((before & ALNUM) == 0 && begins[(unsigned char)view->text[at]]) {
            if ((len = key_at(view, at, &kind)) == 0 && (len = bearer_at(view, at, &from)) > 0)
                kind = SCRUB_KEY;
        }
        if (len == 0 && (here & OF_BASE64) != 0)
            len = run_at(view, at, &kind);
        if (len == 0 && (here & DIGIT) != 0 && (before & DIGIT) == 0 &&
            (len = card_at(view, at)) > 0)
            kind = SCRUB_CARD;
        if (kind != SCRUB_NOTHING)
            scrub_view_mark(view, from, from + len, kind, marks);
        at = kind == SCRUB_NOTHING ? at + 1 : from + len;
    }
    if (is_cut)
        mark_tail(view, marks);
}

/* Few words can be keys: the rest is not compared with each of them. */
static void
note_first_letters(bool begins[256])
{
    for (size_t n = 0; n < sizeof(prefixes) / sizeof(prefixes[0]); n++)
        begins[(unsigned char)prefixes[n].text[0]] = true;
}

static uint8_t
traits_of(char c)
{
    return traits[(unsigned char)c];
}

/* Behind "%3D", or a terminal's colour ("[1;32m"): its last letter is of no word. */
static bool
is_end_of_escape(const struct scrub_view *view, size_t at)
{
    size_t from = at - 1;

    if (at >= 3 && view->text[at - 3] == '%')
        return is_hex(view->text[at - 2]) && is_hex(view->text[at - 1]);
    if (view->text[from] != 'm')
        return false;
    while (from > 0 && at - from < 16 &&
           ((traits_of(view->text[from - 1]) & DIGIT) != 0 || view->text[from - 1] == ';'))
        from--;
    return from > 0 && view->text[from - 1] == '[';
}

static bool
is_hex(char c)
{
    return (traits_of(c) & DIGIT) != 0 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool
scrub_find_is_base64(char c)
{
    return c == '\\' || (traits_of(c) & OF_BASE64) != 0;
}

static size_t
span(const struct scrub_view *view, size_t at, uint8_t trait)
{
    size_t end = at;

    while (end < view->n && (traits_of(view->text[end]) & trait) != 0)
        end++;
    return end - at;
}

static bool
begins_with(const struct scrub_view *view, size_t at, const char *text)
{
    size_t len = strlen(text);

    return view->n - at >= len && memcmp(view->text + at, text, len) == 0;
}

/* ---- keys ---- */

/* Length of the key that begins here, 0 if none does. */
static size_t
key_at(const struct scrub_view *view, size_t at, uint8_t *out_kind)
{
    for (size_t n = 0; n < sizeof(prefixes) / sizeof(prefixes[0]); n++) {
        const struct prefix *prefix = &prefixes[n];

        if (prefix->text[0] != view->text[at] || !begins_with(view, at, prefix->text))
            continue;
        size_t len = span(view, at, OF_TOKEN);
        if (len < strlen(prefix->text) + prefix->n_more)
            return 0;
        *out_kind = prefix->kind;
        return len;
    }
    return 0;
}

/* "Bearer x", "Basic x": what comes after it, wherever that begins. */
static size_t
bearer_at(const struct scrub_view *view, size_t at, size_t *out_from)
{
    bool is_basic = begins_with_word(view, at, "basic");

    if (!is_basic && !begins_with_word(view, at, "bearer"))
        return 0;
    size_t end = at + strlen(is_basic ? "basic" : "bearer"), token = end, n_odd = 0;
    while (token < view->n && token - end < 8 &&
           (view->text[token] == ' ' || view->text[token] == '\t'))
        token++;
    size_t len = token == end ? 0 : span(view, token, is_basic ? OF_BASE64 : OF_TOKEN);
    for (size_t n = 0; n < len && n < LONG_BASE64; n++)
        n_odd += view->text[token + n] < 'a' || view->text[token + n] > 'z';
    if (len < (is_basic ? 8 : 6) || (is_basic && n_odd == 0)) /* "basic knowledge" */
        return 0;
    *out_from = token;
    return len;
}

/* In capitals, or small. */
static bool
begins_with_word(const struct scrub_view *view, size_t at, const char *word)
{
    size_t n = 0;

    while (word[n] != '\0' && at + n < view->n && (view->text[at + n] | 0x20) == word[n])
        n++;
    return word[n] == '\0';
}

/* At the beginning of a run: base64, or so many letters and digits that nobody would say them. */
static size_t
run_at(const struct scrub_view *view, size_t at, uint8_t *out_kind)
{
    uint8_t before = at == 0 ? 0 : traits_of(view->text[at - 1]), both = 0;

    if ((before & OF_BASE64) == 0) {
        size_t len = span(view, at, OF_BASE64);

        if (len >= LONG_BASE64) {
            *out_kind = SCRUB_BASE64;
            return len;
        }
    }
    if ((before & ALNUM) != 0)
        return 0;
    size_t len = span(view, at, ALNUM);
    for (size_t n = 0; n < len && n < 2 * LONG_RUN; n++)
        both |= traits_of(view->text[at + n]) & ALNUM;
    if (len < LONG_RUN || both != ALNUM)
        return 0;
    while (at + len + 1 < view->n && view->text[at + len] == '.' &&
           (traits_of(view->text[at + len + 1]) & ALNUM) != 0) /* "id.secret" */
        len += 1 + span(view, at + len + 1, ALNUM);
    *out_kind = SCRUB_TOKEN;
    return len;
}

/* To its end, whatever stands in the margin of its lines, or as far as one may be. */
static size_t
private_key_at(const struct scrub_view *view, size_t at)
{
    static const char end_mark[] = "-----END ";
    size_t from = at;

    if (!begins_with(view, at, "-----BEGIN "))
        return 0;
    size_t title = at + 11, n = 0;
    while (n < 40 && title + n < view->n && view->text[title + n] != '-')
        n++;
    bool is_private = false;
    for (size_t i = title; i + 11 <= title + n && !is_private; i++)
        is_private = begins_with(view, i, "PRIVATE KEY");
    if (!is_private)
        return 0;
    at = title + n;
    while (at < view->n && at - from < PEM_MAX) {
        if (view->text[at] != '-' || !begins_with(view, at, end_mark)) {
            at++;
            continue;
        }
        at += sizeof(end_mark) - 1;
        at += span(view, at, LETTER | OF_SPACE);
        at += begins_with(view, at, "-----") ? 5 : 0;
        break;
    }
    return at - from;
}

/* ---- people ---- */

static void
look_for_address(const struct scrub_view *view, size_t at, uint8_t *marks)
{
    size_t from = at, len = domain_at(view, at + 1);

    while (from > 0 && at - from < LOCAL_PART && (traits_of(view->text[from - 1]) & OF_LOCAL) != 0)
        from--;
    if (from < at && len > 0)
        scrub_view_mark(view, from, at + 1 + len, SCRUB_EMAIL, marks);
}

/* Of one with a dot and two letters or more behind it; 0: none. */
static size_t
domain_at(const struct scrub_view *view, size_t at)
{
    size_t end = at, good = 0;

    while (end < view->n && end - at < DOMAIN && (traits_of(view->text[end]) & OF_DOMAIN) != 0) {
        if (view->text[end] == '.' && end > at) {
            size_t letters = 0;

            while (end + 1 + letters < view->n && letters < 64 &&
                   ((traits_of(view->text[end + 1 + letters]) & LETTER) != 0 ||
                    (view->text[end + 1 + letters] & 0x80) != 0))
                letters++;
            if (letters >= 2)
                good = end + 1 + letters - at;
        }
        end++;
    }
    return good;
}

/* Digits with at most one space or dash between two of them, which add up as those of cards do. */
static size_t
card_at(const struct scrub_view *view, size_t at)
{
    uint8_t digits[CARD_MAX];
    size_t n = 0, best = 0, end = at;

    if (at > 0 && view->text[at - 1] == '.') /* a fraction */
        return 0;
    while (n < CARD_MAX && end < view->n && (traits_of(view->text[end]) & DIGIT) != 0) {
        digits[n++] = (uint8_t)(view->text[end++] - '0');
        bool is_whole = end == view->n || (traits_of(view->text[end]) & DIGIT) == 0;

        if (is_whole && n >= CARD_MIN && is_card(digits, n))
            best = end - at;
        if (is_whole && end + 1 < view->n && (view->text[end] == ' ' || view->text[end] == '-'))
            end++;
    }
    return best;
}

/* Luhn's sum; and no issuer's numbers begin otherwise. */
static bool
is_card(const uint8_t *digits, size_t n)
{
    unsigned sum = 0;

    assert(n <= CARD_MAX);
    for (size_t i = 0; i < n; i++) {
        unsigned digit = digits[n - 1 - i];

        if (i % 2 == 1)
            digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
        sum += digit;
    }
    return digits[0] >= 2 && digits[0] <= 6 && sum % 10 == 0;
}

/* ---- the end ---- */

/* What the last characters would have become. Digits may have spaces among them. */
static void
mark_tail(const struct scrub_view *view, uint8_t *marks)
{
    size_t word = view->n, number = view->n;

    while (word > 0 && (view->text[word - 1] == '@' || view->text[word - 1] == '\\' ||
                        (traits_of(view->text[word - 1]) & (OF_TOKEN | OF_LOCAL)) != 0))
        word--;
    while (number > 0 && view->n - number < 2 * CARD_MAX &&
           ((traits_of(view->text[number - 1]) & DIGIT) != 0 || view->text[number - 1] == ' ' ||
            view->text[number - 1] == '-'))
        number--;
    scrub_view_mark(view, word < number ? word : number, view->n, SCRUB_CUT, marks);
}
