//! As much of D-Bus as the collectors need (D-Bus specification 0.43): method calls whose arguments are
//! texts, and their answers.

use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::CollectError;

/// Where the system bus listens unless the environment says otherwise.
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";
/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer messages are taken for broken ones; the specification allows 128 MiB.
const LONGEST: usize = 64 << 20;
/// Deeper nesting is forbidden by the specification.
const DEEPEST: usize = 64;

/// A value; arrays, structures and dictionary entries are lists, variants are their content.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// Texts, object paths and signatures.
    Text(String),
    List(Vec<Value>),
}

impl Value {
    /// The text; `None` for anything else.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The unsigned number; `None` for anything else.
    pub(super) fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements; none for what is no list.
    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }
}

/// A connection to a bus, or to a service's own socket.
#[derive(Debug)]
pub(super) struct Bus {
    stream: BufReader<UnixStream>,
    serial: u32,
}

impl Bus {
    /// Connects to the system bus.
    pub(super) fn system() -> Result<Self, CollectError> {
        let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_default();
        let path = address.split([';', ',']).find_map(|part| part.strip_prefix("unix:path="));
        let mut bus = Self::connect(Path::new(path.unwrap_or(SYSTEM_BUS)))?;
        let bus_name = "org.freedesktop.DBus";
        bus.call(bus_name, "/org/freedesktop/DBus", bus_name, "Hello", &[])?;
        Ok(bus)
    }

    /// Connects to a socket and says who we are; a bus wants a `Hello` afterwards.
    pub(super) fn connect(path: &Path) -> Result<Self, CollectError> {
        let open = || -> io::Result<Self> {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            let mut bus = Self { stream: BufReader::new(stream), serial: 0 };
            bus.authenticate()?;
            Ok(bus)
        };
        open().map_err(|source| CollectError::Read { path: path.to_owned(), source })
    }

    /// The kernel tells the other side our user; we only have to claim to be that one.
    fn authenticate(&mut self) -> io::Result<()> {
        let user = rustix::process::geteuid().as_raw().to_string();
        // In hexadecimal; digits are 0x30 to 0x39.
        let user: String = user.chars().flat_map(|digit| ['3', digit]).collect();
        let stream = self.stream.get_mut();
        stream.write_all(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n") && answer.len() < 1024 {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        if !answer.starts_with(b"OK") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.stream.get_mut().write_all(b"BEGIN\r\n")
    }

    /// Calls a method and waits for its answer.
    pub(super) fn call(
        &mut self,
        service: &str,
        path: &str,
        interface: &str,
        method: &str,
        arguments: &[&str],
    ) -> Result<Vec<Value>, CollectError> {
        let failed = |source| CollectError::Call { call: "D-Bus", source };
        self.serial += 1;
        let message = request(self.serial, service, path, interface, method, arguments);
        self.stream.get_mut().write_all(&message).map_err(failed)?;
        loop {
            let answer = Message::read(&mut self.stream).map_err(failed)?;
            if answer.reply_to != Some(self.serial) {
                // A signal, such as the one that tells our name on the bus.
                continue;
            }
            return match answer.error {
                None => Ok(answer.body),
                Some(error) => {
                    let reason = answer.body.first().and_then(Value::text).unwrap_or_default();
                    Err(CollectError::Other(format!("{interface}.{method}: {error}: {reason}")))
                }
            };
        }
    }

    /// A property of an object.
    pub(super) fn property(
        &mut self,
        service: &str,
        path: &str,
        interface: &str,
        name: &str,
    ) -> Result<Value, CollectError> {
        let properties = "org.freedesktop.DBus.Properties";
        let body = self.call(service, path, properties, "Get", &[interface, name])?;
        body.into_iter().next().ok_or_else(|| {
            CollectError::Other(format!("the property {interface}.{name} has no value"))
        })
    }
}

/// Fields of a message's header.
mod field {
    pub(super) const PATH: u8 = 1;
    pub(super) const INTERFACE: u8 = 2;
    pub(super) const MEMBER: u8 = 3;
    pub(super) const ERROR_NAME: u8 = 4;
    pub(super) const REPLY_SERIAL: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SIGNATURE: u8 = 8;
}

/// A method call in little-endian order.
fn request(
    serial: u32,
    service: &str,
    path: &str,
    interface: &str,
    method: &str,
    arguments: &[&str],
) -> Vec<u8> {
    const METHOD_CALL: u8 = 1;
    let mut body = Writer::default();
    for argument in arguments {
        body.text(argument);
    }
    let signature = "s".repeat(arguments.len());
    let mut fields = Writer::default();
    for (field, kind, value) in [
        (field::PATH, "o", path),
        (field::INTERFACE, "s", interface),
        (field::MEMBER, "s", method),
        (field::DESTINATION, "s", service),
    ] {
        fields.align(8);
        fields.0.push(field);
        fields.signature(kind);
        fields.text(value);
    }
    if !signature.is_empty() {
        fields.align(8);
        fields.0.push(field::SIGNATURE);
        fields.signature("g");
        fields.signature(&signature);
    }
    let mut message = Writer(vec![b'l', METHOD_CALL, 0, 1]);
    message.number(body.0.len() as u32);
    message.number(serial);
    message.number(fields.0.len() as u32);
    message.0.extend(fields.0);
    message.align(8);
    message.0.extend(body.0);
    message.0
}

#[derive(Debug, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.bytes().chain([0]));
    }

    fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend(text.bytes().chain([0]));
    }
}

/// An answer or a signal.
#[derive(Debug, Default)]
struct Message {
    reply_to: Option<u32>,
    error: Option<String>,
    body: Vec<Value>,
}

impl Message {
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        let big = match head[0] {
            b'l' => false,
            b'B' => true,
            _ => return Err(broken()),
        };
        let word = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let (body, fields) = (word(4) as usize, word(12) as usize);
        if body > LONGEST || fields > LONGEST {
            return Err(broken());
        }
        // The header ends at a multiple of 8; its fixed part is 16 bytes long.
        let mut rest = vec![0; fields.next_multiple_of(8) + body];
        stream.read_exact(&mut rest)?;
        let (fields, body) = rest.split_at(fields.next_multiple_of(8));
        // Alignment counts from the start of the message, and 16 is as good a start as 0.
        let mut reader = Reader { bytes: fields, at: 0, big };
        let mut message = Self::default();
        let mut signature = String::new();
        while reader.at < word(12) as usize {
            reader.align(8).ok_or_else(broken)?;
            let [field] = reader.take().ok_or_else(broken)?;
            match (field, reader.value(b"v", 0).ok_or_else(broken)?.0) {
                (field::REPLY_SERIAL, Value::Unsigned(serial)) => {
                    message.reply_to = Some(serial as u32);
                }
                (field::ERROR_NAME, Value::Text(name)) => message.error = Some(name),
                (field::SIGNATURE, Value::Text(text)) => signature = text,
                _ => {}
            }
        }
        let mut reader = Reader { bytes: body, at: 0, big };
        let mut kinds = signature.as_bytes();
        while !kinds.is_empty() {
            let (value, rest) = reader.value(kinds, 0).ok_or_else(broken)?;
            message.body.push(value);
            kinds = rest;
        }
        Ok(message)
    }
}

#[derive(Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big: bool,
}

impl Reader<'_> {
    fn align(&mut self, to: usize) -> Option<()> {
        self.at = self.at.next_multiple_of(to);
        (self.at <= self.bytes.len()).then_some(())
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.bytes.get(self.at..self.at + N)?.try_into().ok()?;
        self.at += N;
        if !self.big {
            bytes.reverse();
        }
        Some(bytes)
    }

    /// A number of that many bytes, most significant first after [`Reader::take`].
    fn number<const N: usize>(&mut self) -> Option<u64> {
        self.align(N)?;
        Some(self.take::<N>()?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn text(&mut self, length: usize) -> Option<String> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length + 1;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The value of the first complete type of a signature, and the rest of the signature.
    fn value<'s>(&mut self, kinds: &'s [u8], depth: usize) -> Option<(Value, &'s [u8])> {
        if depth > DEEPEST {
            return None;
        }
        let (kind, rest) = kinds.split_first()?;
        let value = match kind {
            b'y' => Value::Unsigned(self.number::<1>()?),
            b'b' => Value::Bool(self.number::<4>()? != 0),
            b'n' => Value::Signed(i64::from(self.number::<2>()? as i16)),
            b'i' => Value::Signed(i64::from(self.number::<4>()? as i32)),
            b'x' => Value::Signed(self.number::<8>()? as i64),
            b'q' => Value::Unsigned(self.number::<2>()?),
            b'u' | b'h' => Value::Unsigned(self.number::<4>()?),
            b't' => Value::Unsigned(self.number::<8>()?),
            b'd' => Value::Float(f64::from_bits(self.number::<8>()?)),
            b's' | b'o' => {
                let length = self.number::<4>()? as usize;
                Value::Text(self.text(length)?)
            }
            b'g' => {
                let length = self.number::<1>()? as usize;
                Value::Text(self.text(length)?)
            }
            b'v' => {
                let length = self.number::<1>()? as usize;
                let signature = self.text(length)?;
                self.value(signature.as_bytes(), depth + 1)?.0
            }
            b'(' | b'{' => {
                self.align(8)?;
                let (mut list, mut kinds) = (Vec::new(), rest);
                while !matches!(kinds.first()?, b')' | b'}') {
                    let (value, rest) = self.value(kinds, depth + 1)?;
                    list.push(value);
                    kinds = rest;
                }
                return Some((Value::List(list), &kinds[1..]));
            }
            b'a' => {
                let (element, rest) = rest.split_at(complete(rest, depth)?);
                let length = self.number::<4>()? as usize;
                self.align(alignment(*element.first()?))?;
                let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
                let mut list = Vec::new();
                while self.at < end {
                    list.push(self.value(element, depth + 1)?.0);
                }
                return Some((Value::List(list), rest));
            }
            _ => return None,
        };
        Some((value, rest))
    }
}

/// Length of the first complete type of a signature.
fn complete(kinds: &[u8], depth: usize) -> Option<usize> {
    if depth > DEEPEST {
        return None;
    }
    match kinds.first()? {
        b'a' => Some(1 + complete(&kinds[1..], depth + 1)?),
        b'(' | b'{' => {
            let mut at = 1;
            while !matches!(kinds.get(at)?, b')' | b'}') {
                at += complete(&kinds[at..], depth + 1)?;
            }
            Some(at + 1)
        }
        _ => Some(1),
    }
}

fn alignment(kind: u8) -> usize {
    match kind {
        b'y' | b'g' | b'v' => 1,
        b'n' | b'q' => 2,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        _ => 4,
    }
}

/// A service for tests: it answers on a socket of its own as it was told to.
#[cfg(test)]
pub(super) mod mock {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Starts a service that answers each call with the signature and the bytes that `answer` gives for
    /// path, method and arguments; `None` is an error. The socket goes with the folder.
    pub(in super::super) fn service(
        answer: impl Fn(&str, &str, &[&str]) -> Option<Vec<Value>> + Send + 'static,
    ) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("bus")).expect("a socket");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("a connection"));
                if greet(&mut stream).is_none() {
                    continue;
                }
                while let Some((serial, texts)) = read(&mut stream) {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    // Path, interface, method, service, arguments.
                    let body = answer(texts[0], texts[2], &texts[4..]);
                    stream.get_mut().write_all(&reply(serial, body)).expect("sent");
                }
            }
        });
        folder
    }

    fn greet(stream: &mut BufReader<UnixStream>) -> Option<()> {
        let mut line = Vec::new();
        for answer in ["OK 0123\r\n", ""] {
            line.clear();
            while !line.ends_with(b"\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).ok()?;
                line.push(byte[0]);
            }
            stream.get_mut().write_all(answer.as_bytes()).ok()?;
        }
        assert_eq!(line, b"BEGIN\r\n");
        Some(())
    }

    /// The serial of a call, and the texts of its header and body in their order.
    fn read(stream: &mut impl Read) -> Option<(u32, Vec<String>)> {
        let mut head = [0; 16];
        stream.read_exact(&mut head).ok()?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four"));
        let (body, fields) = (word(4) as usize, word(12) as usize);
        let mut rest = vec![0; fields.next_multiple_of(8) + body];
        stream.read_exact(&mut rest).ok()?;
        let (header, body) = rest.split_at(fields.next_multiple_of(8));
        let mut reader = Reader { bytes: header, at: 0, big: false };
        let (mut texts, mut arguments) = (Vec::new(), 0);
        while reader.at < fields {
            reader.align(8)?;
            let [field] = reader.take()?;
            let (value, _) = reader.value(b"v", 0)?;
            match field {
                field::SIGNATURE => arguments = value.text()?.len(),
                _ => texts.push(value.text()?.to_owned()),
            }
        }
        let mut reader = Reader { bytes: body, at: 0, big: false };
        for _ in 0..arguments {
            texts.push(reader.value(b"s", 0)?.0.text()?.to_owned());
        }
        Some((word(8), texts))
    }

    fn reply(serial: u32, body: Option<Vec<Value>>) -> Vec<u8> {
        let (kind, body) = match body {
            Some(body) => (2, body),
            None => (3, vec![Value::Text("no such thing".into())]),
        };
        let mut fields = Writer::default();
        fields.0.push(field::REPLY_SERIAL);
        fields.signature("u");
        fields.number(serial);
        if kind == 3 {
            fields.align(8);
            fields.0.push(field::ERROR_NAME);
            fields.signature("s");
            fields.text("org.example.Error");
        }
        let signature: String = body.iter().map(signature).collect();
        fields.align(8);
        fields.0.push(field::SIGNATURE);
        fields.signature("g");
        fields.signature(&signature);
        let mut written = Writer::default();
        for value in &body {
            write(&mut written, value);
        }
        let mut message = Writer(vec![b'l', kind, 0, 1]);
        message.number(written.0.len() as u32);
        message.number(7);
        message.number(fields.0.len() as u32);
        message.0.extend(fields.0);
        message.align(8);
        message.0.extend(written.0);
        message.0
    }

    /// Lists are arrays; the lists in them are structures.
    fn signature(value: &Value) -> String {
        match value {
            Value::List(list) => match list.first() {
                Some(Value::List(fields)) => {
                    format!("a({})", fields.iter().map(signature).collect::<String>())
                }
                Some(element) => format!("a{}", signature(element)),
                None => "as".to_owned(),
            },
            Value::Bool(_) => "b".to_owned(),
            Value::Unsigned(number) if *number > u64::from(u32::MAX) => "t".to_owned(),
            Value::Unsigned(_) => "u".to_owned(),
            Value::Signed(_) => "i".to_owned(),
            Value::Float(_) => "d".to_owned(),
            Value::Text(_) => "s".to_owned(),
        }
    }

    fn write(out: &mut Writer, value: &Value) {
        match value {
            Value::List(list) => {
                let mut inner = Writer::default();
                for element in list {
                    match element {
                        Value::List(fields) => {
                            inner.align(8);
                            for field in fields {
                                write(&mut inner, field);
                            }
                        }
                        plain => write(&mut inner, plain),
                    }
                }
                out.number(inner.0.len() as u32);
                if matches!(list.first(), Some(Value::List(_))) {
                    out.align(8);
                }
                out.0.extend(inner.0);
            }
            Value::Bool(set) => out.number(u32::from(*set)),
            Value::Unsigned(number) if *number > u64::from(u32::MAX) => {
                out.align(8);
                out.0.extend(number.to_le_bytes());
            }
            Value::Unsigned(number) => out.number(*number as u32),
            Value::Signed(number) => out.number(*number as i32 as u32),
            Value::Float(number) => {
                out.align(8);
                out.0.extend(number.to_le_bytes());
            }
            Value::Text(text) => out.text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn values_of_every_kind_are_read() {
        // a(su) with one element, then a variant holding an array of texts.
        let bytes = [
            &[14, 0, 0, 0, 0, 0, 0, 0][..],
            &[2, 0, 0, 0, b'a', b'b', 0, 0],
            &[7, 0, 0, 0],
            &[2, b'a', b's', 0],
            &[6, 0, 0, 0, 1, 0, 0, 0, b'x', 0],
        ]
        .concat();
        let mut bytes = bytes;
        bytes[0] = 12;
        let mut reader = Reader { bytes: &bytes, at: 0, big: false };
        let (first, rest) = reader.value(b"a(su)v", 0).expect("well-formed");
        let text = |text: &str| Value::Text(text.to_owned());
        let entry = Value::List(vec![text("ab"), Value::Unsigned(7)]);
        assert_eq!(first, Value::List(vec![entry]));
        let (second, rest) = reader.value(rest, 0).expect("well-formed");
        assert_eq!((second, rest), (Value::List(vec![text("x")]), &b""[..]));
        let mut reader = Reader { bytes: &[0xff, 0xfe], at: 0, big: true };
        assert_eq!(reader.value(b"n", 0), Some((Value::Signed(-2), &b""[..])));
    }

    #[test]
    fn broken_messages_are_refused() {
        let bytes = [255; 64];
        for signature in ["s", "as", "a(ss)", "(", "a", "{sv", "z", "v"] {
            let mut reader = Reader { bytes: &bytes, at: 0, big: false };
            assert_eq!(reader.value(signature.as_bytes(), 0), None, "{signature}");
        }
        let deep = "a".repeat(200);
        let mut reader = Reader { bytes: &bytes, at: 0, big: false };
        assert_eq!(reader.value(deep.as_bytes(), 0), None);
        assert!(Message::read(&mut &bytes[..]).is_err());
    }

    #[test]
    fn a_service_is_asked_and_its_errors_are_told() {
        let folder = mock::service(|path, method, arguments| {
            let texts = [path, method].into_iter().chain(arguments.iter().copied());
            let texts = texts.map(|text| Value::Text(text.to_owned())).collect();
            (method != "Fail").then(|| vec![Value::List(texts)])
        });
        let mut bus = Bus::connect(&folder.path().join("bus")).expect("connected");
        let value = bus.property("org.example", "/a", "org.example.I", "P").expect("answered");
        let texts: Vec<&str> = value.list().iter().filter_map(Value::text).collect();
        assert_eq!(texts, ["/a", "Get", "org.example.I", "P"]);
        let err = bus.call("org.example", "/a", "org.example.I", "Fail", &[]).expect_err("refused");
        assert!(err.to_string().contains("no such thing"), "{err}");
    }

    #[test]
    fn a_real_bus_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("bus");
        let config = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>\
             </busconfig>",
            socket.display()
        );
        std::fs::write(folder.path().join("bus.conf"), config).expect("written");
        let started = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", folder.path().join("bus.conf").display()))
            .args(["--nofork", "--nopidfile"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        // Where no bus is installed the recorded answers have to do.
        let Ok(mut daemon) = started else { return };
        let mut bus = (0..200).find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            Bus::connect(&socket).ok()
        });
        let name = "org.freedesktop.DBus";
        let names = bus.as_mut().map(|bus| {
            bus.call(name, "/org/freedesktop/DBus", name, "Hello", &[])?;
            bus.call(name, "/org/freedesktop/DBus", name, "ListNames", &[])
        });
        daemon.kill().expect("stopped");
        daemon.wait().expect("ended");
        let names = names.expect("the bus came up").expect("the bus answers");
        assert!(names[0].list().iter().any(|value| value.text() == Some(name)), "{names:?}");
    }
}
