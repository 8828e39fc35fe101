/* gmime_dump - what GMime 3 sees in each file of a directory
 *
 * For test/differential. Lines: "file NAME", then for each part "part NAME-in-hex BODY-in-hex". Bodies are decoded. */
#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>

static void hex(const char* bytes, size_t size) {
    if (size == 0) putchar('-');
    for (size_t i = 0; i < size; i++) printf("%02x", (unsigned char)bytes[i]);
}

static void visit(GMimeObject* object, int depth) {
    if (depth > 40 || object == NULL) return;
    if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage* message = g_mime_message_part_get_message((GMimeMessagePart*)object);
        if (message != NULL) visit(g_mime_message_get_mime_part(message), depth + 1);
        return;
    }
    if (GMIME_IS_MULTIPART(object)) {
        int count = g_mime_multipart_get_count((GMimeMultipart*)object);
        for (int i = 0; i < count; i++) visit(g_mime_multipart_get_part((GMimeMultipart*)object, i), depth + 1);
        return;
    }
    if (!GMIME_IS_PART(object)) return;
    const char* name = g_mime_part_get_filename((GMimePart*)object);
    printf("part ");
    hex(name == NULL ? "" : name, name == NULL ? 0 : strlen(name));
    putchar(' ');
    GMimeDataWrapper* content = g_mime_part_get_content((GMimePart*)object);
    if (content == NULL) {
        puts("-");
        return;
    }
    GMimeStream* memory = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(content, memory);
    GByteArray* bytes = g_mime_stream_mem_get_byte_array((GMimeStreamMem*)memory);
    hex((const char*)bytes->data, bytes->len);
    putchar('\n');
    g_object_unref(memory);
}

int main(int count, char** arguments) {
    if (count != 2) return 2;
    g_mime_init();
    GDir* directory = g_dir_open(arguments[1], 0, NULL);
    if (directory == NULL) return 1;
    const char* name;
    while ((name = g_dir_read_name(directory)) != NULL) {
        char* path = g_build_filename(arguments[1], name, NULL);
        GMimeStream* stream = g_mime_stream_file_open(path, "r", NULL);
        GMimeParser* parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage* message = g_mime_parser_construct_message(parser, NULL);
        printf("file %s\n", name);
        if (message != NULL) {
            visit(g_mime_message_get_mime_part(message), 0);
            g_object_unref(message);
        }
        g_object_unref(parser);
        g_object_unref(stream);
        g_free(path);
    }
    g_dir_close(directory);
    g_mime_shutdown();
    return 0;
}
