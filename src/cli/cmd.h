/* The functions of commands; each returns the exit status, or -1 with an error. */
#ifndef JP_CLI_CMD_H
#define JP_CLI_CMD_H

#include "cli/command.h"

int jp_cmd_attach(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_build(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_commit(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_bring(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_config(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_console(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_cp(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_destroy(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_destroy_image(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_diff(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_doctor(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_end_run(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_renew_root(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_exec(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_export(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_fetch(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_fsck(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_gc(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_image_manifest(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_images(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_import(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_info(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_init(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_kill(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_killall(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_list(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_logs(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_manifest(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_mds(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_network(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_push(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_prepare(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_ps(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_rename(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_restart(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_run(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_set(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_show(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_show_image(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_sign(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_start(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_stats(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_stop(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_tag(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_test(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_top(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_untag(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_trust(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_untrust(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_verify(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_version(struct jp_cli *cli, struct jp_error *err);
int jp_cmd_wait(struct jp_cli *cli, struct jp_error *err);

#endif
