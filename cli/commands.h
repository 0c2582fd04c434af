/* commands: every command of keytrail, one run function each. The table is in program.c. */
#pragma once

int kt_program_keytrail(int argc, char **argv); /* finds the command and runs it */
int kt_program_agent(int argc, char **argv);    /* keytrail-agent */

int kt_cmd_actor(int argc, char **argv);
int kt_cmd_agent(int argc, char **argv);
int kt_cmd_alerts(int argc, char **argv);
int kt_cmd_backup(int argc, char **argv);
int kt_cmd_blast(int argc, char **argv);
int kt_cmd_canary(int argc, char **argv);
int kt_cmd_collector(int argc, char **argv);
int kt_cmd_dashboard(int argc, char **argv);
int kt_cmd_collector_keygen(int argc, char **argv);
int kt_cmd_config(int argc, char **argv);
int kt_cmd_coverage(int argc, char **argv);
int kt_cmd_demo(int argc, char **argv);
int kt_cmd_detect(int argc, char **argv);
int kt_cmd_doctor(int argc, char **argv);
int kt_cmd_dormant(int argc, char **argv);
int kt_cmd_expect(int argc, char **argv);
int kt_cmd_exposure(int argc, char **argv);
int kt_cmd_geoip(int argc, char **argv);
int kt_cmd_hash(int argc, char **argv);
int kt_cmd_hold(int argc, char **argv);
int kt_cmd_stream(int argc, char **argv);
int kt_cmd_identity(int argc, char **argv);
int kt_cmd_import(int argc, char **argv);
int kt_cmd_incident(int argc, char **argv);
int kt_cmd_init(int argc, char **argv);
int kt_cmd_inventory(int argc, char **argv);
int kt_cmd_ip(int argc, char **argv);
int kt_cmd_leaver(int argc, char **argv);
int kt_cmd_notify(int argc, char **argv);
int kt_cmd_prove(int argc, char **argv);
int kt_cmd_replay(int argc, char **argv);
int kt_cmd_report(int argc, char **argv);
int kt_cmd_review(int argc, char **argv);
int kt_cmd_restore(int argc, char **argv);
int kt_cmd_rotation(int argc, char **argv);
int kt_cmd_search(int argc, char **argv);
int kt_cmd_secret(int argc, char **argv);
int kt_cmd_session(int argc, char **argv);
int kt_cmd_sql(int argc, char **argv);
int kt_cmd_status(int argc, char **argv);
int kt_cmd_store(int argc, char **argv);
int kt_cmd_timeline(int argc, char **argv);
int kt_cmd_unused(int argc, char **argv);
int kt_cmd_verify(int argc, char **argv);
int kt_cmd_who(int argc, char **argv);
int kt_cmd_version(int argc, char **argv);
