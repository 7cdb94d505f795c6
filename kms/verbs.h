/* Entry points of the program's verbs: argv[0] is the verb. Each returns the exit status: 0, 1 (refused or failed), 2 (usage). */
#ifndef UKMS_KMS_VERBS_H
#define UKMS_KMS_VERBS_H

int verb_serve(int argc, char **argv);
int verb_get_keys(int argc, char **argv);
int verb_verify_evidence(int argc, char **argv);

#endif
