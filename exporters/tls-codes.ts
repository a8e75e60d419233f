// What Node and OpenSSL call it when TLS fails: certificates and keys, on either side.

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes; ERR_OSSL is our own certificate or key, or the two together. */
export const tlsCodes =
  /^(?:ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|CRL_|EPROTO|UNABLE_TO|ERROR_IN_C|INVALID_|DEPTH_ZERO|SELF_SIGNED)/;
