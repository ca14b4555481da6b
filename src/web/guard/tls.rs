//! The server's side of TLS, from the settings of a web configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

use crate::wire::web::{ClientAuth, TlsServer};

/// Files that the settings refer to, as they are found from `folder`.
pub(super) fn files(settings: &TlsServer, folder: &Path) -> Vec<PathBuf> {
    [&settings.cert_file, &settings.key_file]
        .into_iter()
        .chain(&settings.client_ca_file)
        .filter(|path| !path.is_empty())
        .map(|path| folder.join(path))
        .collect()
}

/// Reads certificates and keys; the error names the setting that is wrong.
pub(super) fn server_config(
    settings: &TlsServer,
    folder: &Path,
    http2: bool,
) -> Result<Arc<ServerConfig>, String> {
    let pem = |name: &str, text: &str, file: &str| match (text.is_empty(), file.is_empty()) {
        (false, false) => Err(format!("`{name}` and `{name}_file` exclude each other")),
        (true, true) => Err(format!("one of `{name}` and `{name}_file` is needed")),
        (false, true) => Ok(text.as_bytes().to_vec()),
        (true, false) => {
            let path = folder.join(file);
            std::fs::read(&path).map_err(|err| format!("{name}_file {}: {err}", path.display()))
        }
    };
    let certificates = certificates("cert", &pem("cert", &settings.cert, &settings.cert_file)?)?;
    let key = PrivateKeyDer::from_pem_slice(&pem("key", &settings.key, &settings.key_file)?)
        .map_err(|err| format!("key: {err}"))?;

    let provider = Arc::new(provider(settings)?);
    let versions = versions(settings)?;
    let inline = settings.client_ca.as_deref().unwrap_or_default();
    let file = settings.client_ca_file.as_deref().unwrap_or_default();
    let authority = if inline.is_empty() && file.is_empty() {
        None
    } else {
        Some(pem("client_ca", inline, file)?)
    };
    if !settings.client_allowed_sans.is_empty() {
        // To leave the setting aside would let in whom it was to keep out.
        return Err("`client_allowed_sans` is not supported".to_owned());
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|err| err.to_string())?;
    let builder = match client_verifier(settings, authority, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|err| format!("the certificate and its key cannot be used: {err}"))?;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

fn certificates(name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|err| format!("{name}: {err}"))?;
    if certificates.is_empty() {
        return Err(format!("{name}: no certificate in PEM was found"));
    }
    Ok(certificates)
}

fn client_verifier(
    settings: &TlsServer,
    authority: Option<Vec<u8>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let asked = settings.client_auth_type.unwrap_or_default();
    let verifies = match asked {
        ClientAuth::NoClientCert if authority.is_some() => {
            return Err("`client_ca` needs a `client_auth_type` that verifies".to_owned());
        }
        ClientAuth::NoClientCert => return Ok(None),
        ClientAuth::RequestClientCert | ClientAuth::RequireAnyClientCert => false,
        ClientAuth::VerifyClientCertIfGiven | ClientAuth::RequireAndVerifyClientCert => true,
    };
    if !verifies {
        let needed = asked == ClientAuth::RequireAnyClientCert;
        return Ok(Some(Arc::new(Unverified { needed, provider: Arc::clone(provider) })));
    }
    let authority = authority
        .ok_or_else(|| format!("`client_auth_type: {asked:?}` needs a `client_ca_file`"))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca", &authority)? {
        roots.add(certificate).map_err(|err| format!("client_ca: {err}"))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match asked {
        ClientAuth::VerifyClientCertIfGiven => builder.allow_unauthenticated(),
        _ => builder,
    };
    Ok(Some(builder.build().map_err(|err| format!("client_ca: {err}"))?))
}

/// Takes any certificate, as `RequestClientCert` and `RequireAnyClientCert` say; that the client holds
/// its key is verified all the same.
#[derive(Debug)]
struct Unverified {
    needed: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Unverified {
    fn client_auth_mandatory(&self) -> bool {
        self.needed
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// 1.0 and 1.1 are not spoken by anybody any more: who allows them gets what is above.
fn versions(settings: &TlsServer) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let number = |name: &str, value: &Option<String>, default: u8| match value.as_deref() {
        None | Some("") => Ok(default),
        Some("TLS10") => Ok(10),
        Some("TLS11") => Ok(11),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => {
            Err(format!("{name}: `{other}` is none of `TLS10`, `TLS11`, `TLS12`, `TLS13`"))
        }
    };
    let oldest = number("min_version", &settings.min_version, 12)?;
    let newest = number("max_version", &settings.max_version, 13)?;
    let versions: Vec<_> = [(13, &rustls::version::TLS13), (12, &rustls::version::TLS12)]
        .into_iter()
        .filter(|(number, _)| (oldest..=newest).contains(number))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err("`min_version` to `max_version` leaves neither TLS 1.2 nor 1.3".to_owned());
    }
    Ok(versions)
}

/// The suites and curves that are asked for. As in the reference programs suites are chosen for TLS 1.2
/// only; names that nobody should use any more are left out with a warning.
fn provider(settings: &TlsServer) -> Result<CryptoProvider, String> {
    let mut provider = default_provider();
    if !settings.cipher_suites.is_empty() {
        let known: Vec<String> =
            provider.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        let unknown = |name: &&String| !known.contains(&name.replace("TLS_AES", "TLS13_AES"));
        for name in settings.cipher_suites.iter().filter(unknown) {
            tracing::warn!("cipher suite {name} is not offered: it is unknown or unsafe");
        }
        provider.cipher_suites.retain(|suite| {
            suite.tls13().is_some()
                || settings.cipher_suites.contains(&format!("{:?}", suite.suite()))
        });
    }
    if !settings.curve_preferences.is_empty() {
        let groups = settings.curve_preferences.iter().map(|name| {
            let wanted = match name.as_str() {
                "X25519" => rustls::NamedGroup::X25519,
                "CurveP256" => rustls::NamedGroup::secp256r1,
                "CurveP384" => rustls::NamedGroup::secp384r1,
                "CurveP521" => rustls::NamedGroup::secp521r1,
                other => return Err(format!("curve_preferences: `{other}` is not a curve")),
            };
            Ok(provider.kx_groups.iter().copied().find(|group| group.name() == wanted))
        });
        let groups: Vec<_> = groups.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        if groups.is_empty() {
            return Err("curve_preferences: none of these curves can be used".to_owned());
        }
        provider.kx_groups = groups;
    }
    Ok(provider)
}
