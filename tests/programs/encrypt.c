/*
 * encrypt OCB|EAX PASSPHRASE IN OUT: an OpenPGP message with AEAD, which GnuPG and Sequoia of
 * today's distributions read and do not write.
 */
#include <rnp/rnp.h>
#include <rnp/rnp_err.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    rnp_ffi_t ffi = NULL;
    rnp_input_t input = NULL;
    rnp_output_t output = NULL;
    rnp_op_encrypt_t op = NULL;
    if (argc != 5)
        return 2;
    rnp_result_t r = rnp_ffi_create(&ffi, "GPG", "GPG");
    if (r == RNP_SUCCESS)
        r = rnp_input_from_path(&input, argv[3]);
    if (r == RNP_SUCCESS)
        r = rnp_output_to_path(&output, argv[4]);
    if (r == RNP_SUCCESS)
        r = rnp_op_encrypt_create(&op, ffi, input, output);
    if (r == RNP_SUCCESS)
        r = rnp_op_encrypt_add_password(op, argv[2], NULL, 65536, NULL);
    if (r == RNP_SUCCESS)
        r = rnp_op_encrypt_set_aead(op, argv[1]);
    if (r == RNP_SUCCESS)
        r = rnp_op_encrypt_execute(op);
    (void)rnp_op_encrypt_destroy(op);
    (void)rnp_output_destroy(output);
    (void)rnp_input_destroy(input);
    (void)rnp_ffi_destroy(ffi);
    if (r != RNP_SUCCESS)
        (void)fprintf(stderr, "encrypt: %s\n", rnp_result_to_string(r));
    return r != RNP_SUCCESS;
}
