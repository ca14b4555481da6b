//! Addresses of documents and paths of files.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lsp_types::Uri;
use url::Url;

use crate::manifest::tidied;

/// The path of a document that is, or may become, a file.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    let url = Url::parse(uri.as_str()).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok().map(|path| tidied(&path))
}

/// The address of a file.
pub fn uri_of(path: &Path) -> Option<Uri> {
    let url = Url::from_file_path(path).ok()?;
    Uri::from_str(url.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_their_address() {
        for path in ["/a/b.kdl", "/a/ü b%/c#d?.yaml", "/\u{1f600}"] {
            let uri = uri_of(Path::new(path)).expect("an absolute path has an address");
            assert_eq!(path_of(&uri), Some(PathBuf::from(path)));
        }
        let dotted = Uri::from_str("file:///a/./x/../b.kdl").expect("an address");
        assert_eq!(path_of(&dotted), Some(PathBuf::from("/a/b.kdl")));
        let other = Uri::from_str("untitled:Untitled-1").expect("an address");
        assert_eq!(path_of(&other), None);
    }
}
