//! A TLS handshake that looks at what the other side shows, and trusts it no further.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::wire::{Channel, broken};
use super::{Bounds, Silence, Wire, postgres};
use crate::facts::{CertificateFact, Outcome, TlsAnswer};

/// A connection in TLS.
pub(super) type Secured = StreamOwned<ClientConnection, TcpStream>;

impl Channel for Secured {
    fn wait_for(&self, left: Duration) -> std::io::Result<()> {
        self.sock.wait_for(left)
    }
}

/// Certificates of one chain that are read.
const CHAIN: usize = 5;
/// Names of one certificate that are kept.
const NAMES: usize = 50;

/// Asks one server whether it speaks TLS, and what it shows of itself there.
pub(crate) fn ask(
    address: SocketAddr,
    name: &str,
    is_postgres: bool,
    bounds: Bounds,
) -> (Outcome, TlsAnswer) {
    let mut answer = TlsAnswer {
        name: name.to_owned(),
        certificates: Vec::new(),
    };
    let outcome = match shown(address, name, is_postgres, bounds) {
        Ok(chain) => {
            let chain = chain.iter().take(CHAIN);
            answer.certificates = chain.filter_map(|der| certificate(der)).collect();
            Outcome::Answered
        }
        // It refuses this very client, in TLS.
        Err(Silence::Alert) => Outcome::Answered,
        Err(silence) => Outcome::of(&silence),
    };
    (outcome, answer)
}

fn shown(
    address: SocketAddr,
    name: &str,
    is_postgres: bool,
    bounds: Bounds,
) -> Result<Vec<Vec<u8>>, Silence> {
    let mut wire = Wire::open(address, bounds)?;
    if is_postgres && !postgres::speaks_tls(&mut wire)? {
        return Err(Silence::Strange);
    }
    Ok(wire.secure(name)?.1)
}

/// What a certificate says; `None` for one that cannot be read.
fn certificate(der: &[u8]) -> Option<CertificateFact> {
    let certificate = Certificate::from_der(der).ok()?;
    let told = certificate.tbs_certificate();
    let names: Option<(bool, SubjectAltName)> = told.get_extension().ok()?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let names = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    });
    let moment = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
        Timestamp::from_second(seconds).ok()
    };
    Some(CertificateFact {
        subject: told.subject().to_string(),
        issuer: told.issuer().to_string(),
        names: names.take(NAMES).collect(),
        not_before: moment(told.validity().not_before)?,
        not_after: moment(told.validity().not_after)?,
    })
}

/// Takes any certificate: it is what is asked for, and nobody is let in because of it.
#[derive(Debug)]
struct TakesAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAny {
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
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Begins TLS on a connection, until `end` at the latest. Gives the certificates that the other side shows, its own
/// first, each as DER.
pub(super) fn shake_hands(
    mut stream: TcpStream,
    name: &str,
    end: Instant,
) -> Result<(Secured, Vec<Vec<u8>>), Silence> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|_| Silence::Strange)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakesAny(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned())
        .or_else(|_| ServerName::try_from("server".to_owned()))
        .map_err(|_| Silence::Strange)?;
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(|_| Silence::Strange)?;
    while client.is_handshaking() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Silence::TooSlow);
        }
        stream.wait_for(left).map_err(|error| broken(&error))?;
        client
            .complete_io(&mut stream)
            .map_err(|error| refused(&error))?;
    }
    let chain = client.peer_certificates().unwrap_or_default();
    let chain = chain.iter().map(|one| one.as_ref().to_vec()).collect();
    Ok((StreamOwned::new(client, stream), chain))
}

/// Why a handshake came to nothing: an alert is of one who speaks TLS, and will not have this client.
fn refused(error: &std::io::Error) -> Silence {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(_)) => Silence::Alert,
        _ => broken(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::script::{read, server, until_gone, write};
    use super::*;

    const LONG: Duration = Duration::from_secs(10);
    /// `CN=web,O=Shop`, signed by `CN=shop authority`, for January 2026; its key is nowhere.
    const WEB: &[u8] = include_bytes!("certificate.der");

    /// What comes of a server that reads the beginning of the first message and says this.
    fn asked(said: Vec<u8>, within: Duration) -> (Outcome, TlsAnswer) {
        let (address, served) = server([move |mut stream: TcpStream| {
            let hello = read(&mut stream, 3);
            assert_eq!(&hello[..2], [22, 3], "a handshake of TLS");
            write(&mut stream, &said);
            until_gone(&stream);
        }]);
        let found = ask(address, "web", false, Bounds::within(within));
        served.join().unwrap();
        found
    }

    #[test]
    fn one_who_refuses_this_client_in_tls_is_told_from_one_who_speaks_none() {
        let refuses = vec![21, 3, 3, 0, 2, 2, 40];
        assert_eq!(asked(refuses, LONG).0, Outcome::Answered);
        for said in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            b"-ERR unknown command\r\n",
            b"220 mail.example ESMTP\r\n",
            &[0; 512],
            &[22, 3, 3, 255, 255],
        ] {
            let (outcome, answer) = asked(said.to_vec(), LONG);
            assert_eq!(
                (outcome, answer.certificates),
                (Outcome::Strange, vec![]),
                "{said:?}"
            );
        }
    }

    #[test]
    fn silence_and_half_an_answer_end_with_the_time() {
        let short = Duration::from_millis(50);
        for said in [&b""[..], &[22, 3, 3, 0]] {
            assert_eq!(asked(said.to_vec(), short).0, Outcome::Silent);
        }
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_how_long_it_is_good() {
        let web = certificate(WEB).unwrap();
        assert_eq!(
            (&*web.subject, &*web.issuer),
            ("CN=web,O=Shop", "CN=shop authority")
        );
        assert_eq!(web.names, ["web", "*.shop.example", "10.0.0.7"]);
        assert_eq!(web.not_before, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(web.not_after, "2026-02-01T00:00:00Z".parse().unwrap());
        for (name, is_for) in [
            ("WEB", true),
            ("a.shop.example", true),
            ("10.0.0.7", true),
            ("shop.example", false),
            ("a.b.shop.example", false),
            ("gate", false),
        ] {
            assert_eq!(web.is_for(name), is_for, "{name}");
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_no_certificate_and_no_end_of_the_program() {
        for length in 0..WEB.len() {
            assert_eq!(certificate(&WEB[..length]), None);
        }
        for at in 0..WEB.len() {
            let mut changed = WEB.to_vec();
            changed[at] ^= 0x55;
            let _ = certificate(&changed);
        }
    }
}
