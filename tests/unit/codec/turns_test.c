/* SPDX-License-Identifier: ISC */
#include "turns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A history in a few letters: u, a, s: text of user, assistant, system; d: developer; C1: the
 * assistant calls with id "1" (C-: without an id), R1: its result; e: an empty text of the user.
 */
struct story {
    struct arena arena;
    struct neutral_request request;
    int err;
    char told[512]; /* what has become of it */
};

static void
add(struct turns *turns, const char *word, int n)
{
    static const char numbers[] = "0123456789";
    struct neutral_part *part;

    switch (word[0]) {
    case 's':
    case 'd':
        turns_begin_system(turns, word[0] == 'd');
        turns_add(turns, NEUTRAL_SYSTEM)->text = slice_str("s");
        return;
    case 'u':
    case 'e':
        turns_add(turns, NEUTRAL_USER)->text = slice_of("u", word[0] == 'u');
        return;
    case 'a':
        turns_add(turns, NEUTRAL_ASSISTANT)->text = slice_str("a");
        return;
    case 'C':
        part = turns_add(turns, NEUTRAL_ASSISTANT);
        part->kind = NEUTRAL_CALL;
        part->name = slice_str("tool");
        part->id = slice_of(&word[1], word[1] != '-');
        return;
    default:
        part = turns_add(turns, NEUTRAL_USER);
        part->kind = NEUTRAL_RESULT;
        part->id = slice_of(&word[1], word[1] != '-');
        part->text = slice_of(&numbers[n % 10], 1);
    }
}

/* "U[u R1=2] A[a C1]": results with their text, "!" for one that is an error. */
static void
tell(struct story *story, const struct neutral_request *request)
{
    char *out = story->told, *end = story->told + sizeof(story->told);

    for (uint32_t i = 0; i < request->n_turns; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        out += snprintf(out, (size_t)(end - out), "%s%c[", i == 0 ? "" : " ",
                        turn->is_developer ? 'D' : "SUA"[turn->role]);
        for (uint32_t j = turn->first_part; j < turn->first_part + turn->n_parts; j++) {
            const struct neutral_part *part = &request->parts[j];
            const char *gap = j == turn->first_part ? "" : " ";

            if (part->kind == NEUTRAL_CALL)
                out += snprintf(out, (size_t)(end - out), "%sC%.*s", gap, (int)part->id.len,
                                part->id.ptr);
            else if (part->kind == NEUTRAL_RESULT)
                out += snprintf(out, (size_t)(end - out), "%sR%.*s=%s", gap, (int)part->id.len,
                                part->id.ptr,
                                part->is_error ? "!" : (char[]){part->text.ptr[0], '\0'});
            else
                out += snprintf(out, (size_t)(end - out), "%s%.*s", gap, (int)part->text.len,
                                part->text.ptr);
        }
        out += snprintf(out, (size_t)(end - out), "]");
    }
}

static struct story
story_of(const char *words)
{
    struct story story = {.err = 0};
    struct refusal_reason why;
    struct turns turns;

    arena_init(&story.arena, 1 << 20);
    turns_init(&turns, &story.arena, &story.request);
    for (int n = 0; *words != '\0'; n++) {
        add(&turns, words, n);
        words += strcspn(words, " ");
        words += *words == ' ';
    }
    story.err = turns_finish(&turns, &why);
    return story;
}

static void
expect_story(const char *words, const char *told)
{
    struct story story = story_of(words);

    cr_assert_eq(story.err, 0);
    tell(&story, &story.request);
    cr_expect_str_eq(story.told, told, "\"%s\" gave %s", words, story.told);
    arena_fini(&story.arena);
}

Test(turns, one_role_makes_one_turn_but_each_system_message_its_own)
{
    expect_story("u u a a u", "U[u u] A[a a] U[u]");
    expect_story("s d u s s a", "S[s] D[s] U[u] S[s] S[s] A[a]");
}

Test(turns, results_stand_right_behind_their_calls_in_the_order_of_the_calls)
{
    expect_story("u C1 C2 R2 R1 u", "U[u] A[C1 C2] U[R1=4 R2=3 u]");
    expect_story("u C1 u R1", "U[u] A[C1] U[R1=3 u]");
    expect_story("u C1 s R1 u", "U[u] A[C1] U[R1=3] S[s] U[u]");
    expect_story("u C1 a R1", "U[u] A[C1 a] U[R1=3]");
}

Test(turns, the_last_result_of_a_call_counts_and_results_of_none_go)
{
    expect_story("u C1 R1 R1 u R1", "U[u] A[C1] U[R1=5 u]");
    expect_story("u R1 a R2 u", "U[u] A[a] U[u]");
    expect_story("R1 C1 R1", "A[C1] U[R1=2]");
}

Test(turns, a_call_without_a_result_gets_an_error)
{
    expect_story("u C1 C2 R2 u", "U[u] A[C1 C2] U[R1=! R2=3 u]");
    expect_story("u C1", "U[u] A[C1] U[R1=!]");
    expect_story("u C1 u", "U[u] A[C1] U[R1=! u]");
}

Test(turns, ids_may_be_used_again_in_a_later_turn_or_not_at_all)
{
    expect_story("u C1 R1 C1 R1", "U[u] A[C1] U[R1=2] A[C1] U[R1=4]");
    expect_story("u C1 C1 R1 R1 R1", "U[u] A[C1 C1] U[R1=3 R1=5]");
    expect_story("u C- C- R- R- C- R-", "U[u] A[Ccall_n0 Ccall_n1] U[Rcall_n0=3 Rcall_n1=4] "
                                        "A[Ccall_n2] U[Rcall_n2=6]");
}

Test(turns, what_is_empty_goes_and_what_meets_is_joined)
{
    expect_story("u e a", "U[u] A[a]");
    expect_story("a e a R3 a", "A[a a a]");
    expect_story("s", "S[s] U[.]");
    expect_story("", "U[.]");
    expect_story("e", "U[.]");
}

Test(turns, children_stand_behind_all_parts_of_turns)
{
    struct neutral_request request = {0};
    struct refusal_reason why;
    struct turns turns;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    turns_init(&turns, &arena, &request);
    for (uint32_t i = 0; i < 40; i++) {
        struct neutral_part *part = turns_add(&turns, NEUTRAL_ASSISTANT);

        part->kind = NEUTRAL_CALL;
        part->id = slice_of(&"0123456789"[i % 10], 1);
        part->name = slice_str("tool");
        part = turns_add(&turns, NEUTRAL_USER);
        part->kind = NEUTRAL_RESULT;
        part->id = slice_of(&"0123456789"[i % 10], 1);
        for (uint32_t j = 0; j < i % 4; j++)
            turns_add_child(&turns)->text = slice_of(&"0123456789"[i % 10], 1);
    }
    cr_assert_eq(turns_finish(&turns, &why), 0);
    cr_expect_eq(request.n_turns, 80);
    for (uint32_t i = 0; i < 40; i++) {
        const struct neutral_part *result = &request.parts[2 * i + 1];

        cr_assert_eq(result->kind, NEUTRAL_RESULT);
        cr_expect(slice_eq_str(result->name, "tool"));
        cr_assert_eq(result->n_children, i % 4);
        for (uint32_t j = 0; j < result->n_children; j++) {
            cr_assert(result->first_child + j >= 80 && result->first_child + j < request.n_parts);
            cr_expect(slice_eq(request.parts[result->first_child + j].text, result->id));
        }
    }
    arena_fini(&arena);
}

Test(turns, wrapped_system_messages_stay_in_their_place)
{
    struct story story = story_of("s u C1 s R1 u s a s");
    struct neutral_request wrapped;

    turns_wrap(&story.request, &story.arena, &wrapped);
    tell(&story, &wrapped);
    cr_expect_str_eq(story.told, "S[s] U[u] A[C1] U[R1=4 <system>s</system> u <system>s</system>] "
                                 "A[a] U[<system>s</system>]");
    tell(&story, &story.request);
    cr_expect_str_eq(story.told, "S[s] U[u] A[C1] U[R1=4] S[s] U[u] S[s] A[a] S[s]");
    arena_fini(&story.arena);
}

Test(turns, more_than_there_is_room_for_is_refused)
{
    struct neutral_request request = {0};
    struct refusal_reason why = {.detail = ""};
    struct turns turns;
    struct arena arena;

    arena_init(&arena, 20000);
    turns_init(&turns, &arena, &request);
    for (int i = 0; i < 1000; i++) {
        turns_begin_system(&turns, i % 2 == 0);
        turns_add(&turns, NEUTRAL_SYSTEM)->text = slice_str("s");
        turns_add(&turns, NEUTRAL_USER)->kind = NEUTRAL_RESULT;
        turns_add_child(&turns)->text = slice_str("x");
    }
    cr_expect_eq(turns_finish(&turns, &why), ERR_INVALID_REQUEST);
    cr_expect_neq(why.detail[0], '\0');
    arena_fini(&arena);
}

/* Whatever the history: every call is answered at once and once, and roles alternate. */
Test(turns, any_history_becomes_regular)
{
    static const char *const words[] = {"u", "a", "s", "e", "C1", "C2", "C-", "R1", "R2", "R-"};

    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[128] = "";
        struct story story;
        const struct neutral_request *request;

        for (int i = rand() % 16; i > 0; i--) {
            strcat(text, words[rand() % 10]);
            strcat(text, i > 1 ? " " : "");
        }
        story = story_of(text);
        request = &story.request;
        cr_assert(story.err == 0 && request->n_turns > 0);
        for (uint32_t i = 0; i < request->n_turns; i++) {
            const struct neutral_turn *turn = &request->turns[i], *next = turn + 1;
            uint32_t answered = 0;

            cr_assert(turn->n_parts > 0, "%s", text);
            cr_assert(i == 0 || turn->role == NEUTRAL_SYSTEM || turn->role != turn[-1].role, "%s",
                      text);
            for (uint32_t j = turn->first_part; j < turn->first_part + turn->n_parts; j++) {
                const struct neutral_part *part = &request->parts[j], *result;

                if (part->kind != NEUTRAL_CALL)
                    continue;
                cr_assert(i + 1 < request->n_turns && next->role == NEUTRAL_USER, "%s", text);
                cr_assert(answered < next->n_parts, "%s", text);
                result = &request->parts[next->first_part + answered++];
                cr_assert(result->kind == NEUTRAL_RESULT && slice_eq(result->id, part->id), "%s",
                          text);
            }
        }
        arena_fini(&story.arena);
    }
}
