/* Count the words of standard input, and print the most common ones. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define LONGEST 64

struct word {
    struct word *next;
    unsigned long count;
    char text[LONGEST];
};

static struct word *table[BUCKETS];

static unsigned hash(const char *text)
{
    unsigned value = 5381;

    while (*text != '\0')
        value = value * 33 + (unsigned char)*text++;
    return value % BUCKETS;
}

static int count_word(const char *text)
{
    unsigned bucket = hash(text);
    struct word *word;

    for (word = table[bucket]; word != NULL; word = word->next) {
        if (strcmp(word->text, text) == 0) {
            word->count++;
            return 0;
        }
    }
    word = malloc(sizeof(*word));
    if (word == NULL)
        return -1;
    strcpy(word->text, text);
    word->count = 1;
    word->next = table[bucket];
    table[bucket] = word;
    return 0;
}

int main(void)
{
    char text[LONGEST];
    size_t length = 0;
    struct word *word, *best = NULL;
    int c, i;

    while ((c = getchar()) != EOF) {
        if (isalpha(c) && length < LONGEST - 1) {
            text[length++] = (char)tolower(c);
        } else if (length > 0) {
            text[length] = '\0';
            length = 0;
            if (count_word(text) != 0)
                return 1;
        }
    }
    for (i = 0; i < BUCKETS; i++) {
        for (word = table[i]; word != NULL; word = word->next) {
            if (best == NULL || word->count > best->count)
                best = word;
        }
    }
    if (best != NULL)
        printf("%s %lu\n", best->text, best->count);
    return 0;
}
