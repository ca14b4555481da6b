//! TLS settings of a client: ring only, the system's or the bundled authorities unless a `ca` is named.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::FetchError;
use crate::wire::prometheus::TlsConfig;

pub(super) fn client_config(settings: Option<&TlsConfig>) -> Result<ClientConfig, FetchError> {
    let provider = Arc::new(ring::default_provider());
    let nothing = TlsConfig::default();
    let settings = settings.unwrap_or(&nothing);
    let bad = |reason: String| FetchError::Setting(reason);
    let versions = versions(settings)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|err| bad(err.to_string()))?;
    let builder = if settings.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else if let Some(pem) = pem(settings.ca.as_deref(), settings.ca_file.as_deref())? {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&pem)? {
            roots.add(certificate).map_err(|err| bad(format!("unable to use the CA: {err}")))?;
        }
        builder.with_root_certificates(roots)
    } else {
        match builder.clone().with_native_roots() {
            Ok(builder) => builder,
            // A minimal image has no authorities of its own.
            Err(_) => builder.with_webpki_roots(),
        }
    };
    let certificate = pem(settings.cert.as_deref(), settings.cert_file.as_deref())?;
    let key = settings.key.as_ref().map(|key| key.0.as_str());
    match (certificate, pem(key, settings.key_file.as_deref())?) {
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(&key)
                .map_err(|err| bad(format!("unable to use the client key: {err}")))?;
            builder
                .with_client_auth_cert(certificates(&certificate)?, key)
                .map_err(|err| bad(format!("unable to use the client certificate: {err}")))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn versions(
    settings: &TlsConfig,
) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, FetchError> {
    let number = |text: Option<&str>, default| match text {
        None | Some("") => Ok(default),
        Some("TLS10") => Ok(10),
        Some("TLS11") => Ok(11),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => Err(FetchError::Setting(format!("unknown TLS version: {other}"))),
    };
    let lowest = number(settings.min_version.as_deref(), 12)?;
    let highest = number(settings.max_version.as_deref(), 13)?;
    let all = [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)];
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|(version, _)| (lowest..=highest).contains(version))
        .map(|(_, version)| version)
        .collect();
    if chosen.is_empty() {
        return Err(FetchError::Setting("TLS versions below 1.2 are not supported".to_owned()));
    }
    Ok(chosen)
}

fn pem(text: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, FetchError> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(path)) => std::fs::read(path)
            .map(Some)
            .map_err(|source| FetchError::SecretFile { path: path.to_owned(), source }),
        (None, None) => Ok(None),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|err| FetchError::Setting(format!("broken certificate: {err}")))?;
    if found.is_empty() {
        return Err(FetchError::Setting("no certificate in the file".to_owned()));
    }
    Ok(found)
}

/// `insecure_skip_verify`: the signatures are checked, the certificate is taken as it is.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
