/* SPDX-License-Identifier: ISC
 *
 * embed OUT.c DIR [NAME=FILE]... - the files of a directory, and further ones under other names, as
 * C arrays, gzipped, with type and ETag. In index.html "/assets/" becomes
 * "/assets/HASH/", HASH being one over all of them: what lies below it may be kept for ever.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/sha.h>
#include <zlib.h>

#define MAX_FILES 256
#define HASH_LEN  16 /* hex digits */
#define PREFIX    "/assets/"
#define INDEX     "index.html"

struct file {
    char *name;
    unsigned char *bytes, *packed;
    size_t len, n_packed;
};

static struct file files[MAX_FILES];
static size_t n_files;

static void die(const char *what, const char *why);
static void add_dir(const char *dir, const char *prefix);
static void add_entry(const char *dir, const char *prefix, const char *entry);
static void add_file(const char *path, const char *name);
static int by_name(const void *a, const void *b);
static void hash_all(char out[HASH_LEN + 1]);
static void put_hash(struct file *file, const char *hash);
static void pack(struct file *file);
static const char *type_of(const char *name);
static void write_table(FILE *out, const char *hash);
static void write_bytes(FILE *out, size_t n, const unsigned char *bytes, size_t len);

int
main(int argc, char **argv)
{
    char hash[HASH_LEN + 1];

    if (argc < 3)
        die("usage", "embed OUT.c DIR [NAME=FILE]...");
    add_dir(argv[2], "");
    for (int n = 3; n < argc; n++) {
        char *path = strchr(argv[n], '=');

        if (path == NULL)
            die(argv[n], "is not NAME=FILE");
        *path = '\0';
        add_file(path + 1, argv[n]);
    }
    qsort(files, n_files, sizeof(files[0]), by_name);
    hash_all(hash);
    for (size_t n = 0; n < n_files; n++) {
        if (strcmp(files[n].name, INDEX) == 0)
            put_hash(&files[n], hash);
        pack(&files[n]);
    }
    FILE *out = fopen(argv[1], "w");
    if (out == NULL)
        die(argv[1], strerror(errno));
    write_table(out, hash);
    if (fclose(out) != 0)
        die(argv[1], strerror(errno));
    for (size_t n = 0; n < n_files; n++) {
        free(files[n].name);
        free(files[n].bytes);
        free(files[n].packed);
    }
    return EXIT_SUCCESS;
}

static void
die(const char *what, const char *why)
{
    fprintf(stderr, "embed: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* As deep as the directories are. */
static void
add_dir(const char *dir, const char *prefix)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, NULL, alphasort);

    if (n < 0)
        die(dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.')
            add_entry(dir, prefix, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void
add_entry(const char *dir, const char *prefix, const char *entry)
{
    char path[4096], name[512], below[sizeof(name) + 1];
    struct stat info;

    snprintf(path, sizeof(path), "%s/%s", dir, entry);
    snprintf(name, sizeof(name), "%s%s", prefix, entry);
    snprintf(below, sizeof(below), "%s/", name);
    if (stat(path, &info) != 0)
        die(path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        add_dir(path, below);
    else
        add_file(path, name);
}

static void
add_file(const char *path, const char *name)
{
    FILE *in = fopen(path, "rb");
    struct stat info;

    if (in == NULL || fstat(fileno(in), &info) != 0)
        die(path, strerror(errno));
    if (n_files == MAX_FILES)
        die(path, "too many files");
    if (type_of(name) == NULL)
        die(path, "of a type that embed does not know");
    struct file *file = &files[n_files++];
    file->name = strdup(name);
    file->len = (size_t)info.st_size;
    file->bytes = malloc(file->len + 1);
    if (file->name == NULL || file->bytes == NULL ||
        fread(file->bytes, 1, file->len, in) != file->len)
        die(path, "cannot be read");
    file->bytes[file->len] = '\0';
    fclose(in);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void
hash_all(char out[HASH_LEN + 1])
{
    unsigned char digest[SHA256_DIGEST_LENGTH], all[MAX_FILES * SHA256_DIGEST_LENGTH];

    for (size_t n = 0; n < n_files; n++)
        SHA256(files[n].bytes, files[n].len, all + n * SHA256_DIGEST_LENGTH);
    SHA256(all, n_files * SHA256_DIGEST_LENGTH, digest);
    for (int n = 0; n < HASH_LEN / 2; n++)
        snprintf(out + 2 * n, 3, "%02x", digest[n]);
}

static void
put_hash(struct file *file, const char *hash)
{
    char *text = (char *)file->bytes;
    size_t n = 0, len = 0;

    for (const char *at = text; (at = strstr(at, PREFIX)) != NULL; at++)
        n++;
    char *out = malloc(file->len + n * (HASH_LEN + 1) + 1);
    if (out == NULL)
        die(file->name, "out of memory");
    for (const char *at = text, *next; at < text + file->len; at = next) {
        next = strstr(at, PREFIX);
        next = next == NULL ? text + file->len : next + strlen(PREFIX);
        memcpy(out + len, at, (size_t)(next - at));
        len += (size_t)(next - at);
        if (n-- > 0)
            len += (size_t)snprintf(out + len, HASH_LEN + 2, "%s/", hash);
    }
    free(file->bytes);
    file->bytes = (unsigned char *)out;
    file->len = len;
}

/* gzip without name and time: the same input gives the same program. */
static void
pack(struct file *file)
{
    z_stream stream = {.next_in = file->bytes, .avail_in = (uInt)file->len};

    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        die(file->name, "zlib");
    size_t room = deflateBound(&stream, file->len) + 32;
    file->packed = malloc(room);
    stream.next_out = file->packed;
    stream.avail_out = (uInt)room;
    if (file->packed == NULL || deflate(&stream, Z_FINISH) != Z_STREAM_END)
        die(file->name, "zlib");
    file->n_packed = stream.total_out;
    deflateEnd(&stream);
}

static const char *
type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".woff2", "font/woff2"},
    };
    const char *dot = strrchr(name, '.');

    for (size_t n = 0; dot != NULL && n < sizeof(types) / sizeof(types[0]); n++) {
        if (strcmp(dot, types[n][0]) == 0)
            return types[n][1];
    }
    return NULL;
}

static void
write_table(FILE *out, const char *hash)
{
    fprintf(out, "/* Made by tools/embed.c. */\n#include \"assets_table.h\"\n\n");
    for (size_t n = 0; n < n_files; n++) {
        write_bytes(out, n, files[n].packed, files[n].n_packed);
    }
    fprintf(out, "const char assets_table_hash[] = \"%s\";\n", hash);
    fprintf(out, "const size_t assets_table_n = %zu;\n", n_files);
    fprintf(out, "const struct asset assets_table[] = {\n");
    for (size_t n = 0; n < n_files; n++) {
        unsigned char digest[SHA256_DIGEST_LENGTH];

        SHA256(files[n].bytes, files[n].len, digest);
        fprintf(out, "    {\"%s\", \"%s\", \"\\\"", files[n].name, type_of(files[n].name));
        for (int i = 0; i < HASH_LEN / 2; i++)
            fprintf(out, "%02x", digest[i]);
        fprintf(out, "\\\"\", packed_%zu, %zu, %zu},\n", n, files[n].n_packed, files[n].len);
    }
    fprintf(out, "};\n");
}

static void
write_bytes(FILE *out, size_t n, const unsigned char *bytes, size_t len)
{
    fprintf(out, "static const unsigned char packed_%zu[] = {", n);
    for (size_t i = 0; i < len; i++)
        fprintf(out, i % 24 == 0 ? "\n%u," : "%u,", bytes[i]);
    fprintf(out, "0};\n");
}
