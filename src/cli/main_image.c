/*
 * jetpack-image: the commands that read and write archives. It is started by `jetpack` with the
 * same words and links what the others do without: decompressors and OpenSSL.
 */
#include "cli/cmd.h"
#include "sys/memory.h"

const struct jp_command_function jp_command_functions[] = {
    {"bring", jp_cmd_bring},   {"build", jp_cmd_build},   {"commit", jp_cmd_commit},
    {"export", jp_cmd_export}, {"fetch", jp_cmd_fetch},   {"import", jp_cmd_import},
    {"sign", jp_cmd_sign},     {"trust", jp_cmd_trust},   {"untrust", jp_cmd_untrust},
    {"push", jp_cmd_push},     {"verify", jp_cmd_verify}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    jp_memory_share_heap();
    return jp_cli_main(argc, argv);
}
