/* jetpack: the command. The table says which commands it does itself. */
#include "cli/cmd.h"

const struct jp_command_function jp_command_functions[] = {
    {"attach", jp_cmd_attach},
    {"config", jp_cmd_config},
    {"console", jp_cmd_console},
    {"cp", jp_cmd_cp},
    {"destroy", jp_cmd_destroy},
    {"destroy-image", jp_cmd_destroy_image},
    {"diff", jp_cmd_diff},
    {"doctor", jp_cmd_doctor},
    {"end-run", jp_cmd_end_run},
    {"renew-root", jp_cmd_renew_root},
    {"exec", jp_cmd_exec},
    {"fsck", jp_cmd_fsck},
    {"gc", jp_cmd_gc},
    {"help", jp_cmd_help},
    {"image-manifest", jp_cmd_image_manifest},
    {"images", jp_cmd_images},
    {"info", jp_cmd_info},
    {"init", jp_cmd_init},
    {"kill", jp_cmd_kill},
    {"killall", jp_cmd_killall},
    {"list", jp_cmd_list},
    {"logs", jp_cmd_logs},
    {"manifest", jp_cmd_manifest},
    {"mds", jp_cmd_mds},
    {"network", jp_cmd_network},
    {"prepare", jp_cmd_prepare},
    {"ps", jp_cmd_ps},
    {"rename", jp_cmd_rename},
    {"restart", jp_cmd_restart},
    {"run", jp_cmd_run},
    {"set", jp_cmd_set},
    {"show", jp_cmd_show},
    {"show-image", jp_cmd_show_image},
    {"start", jp_cmd_start},
    {"stats", jp_cmd_stats},
    {"stop", jp_cmd_stop},
    {"tag", jp_cmd_tag},
    {"test", jp_cmd_test},
    {"top", jp_cmd_top},
    {"untag", jp_cmd_untag},
    {"version", jp_cmd_version},
    {"wait", jp_cmd_wait},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    return jp_cli_main(argc, argv);
}
