use std::net::IpAddr;
use std::ops::RangeInclusive;

use anyhow::{Context, bail};

/// How far a request is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Receive,
    Decode,
    Full,
}

/// The contract's variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub address: (IpAddr, u16),
    pub workers: usize,
    pub threads: usize,
    pub model_dir: String,
    pub test_image: String,
    pub max_body_bytes: usize,
    pub(crate) stage: Stage,
}

impl Settings {
    /// # Errors
    /// The first variable that is missing or wrong, by name.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let text = |name: &str, otherwise: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            let value = value.unwrap_or_else(|| otherwise.to_owned());
            if value.is_empty() { bail!("{name} is not set") } else { Ok(value) }
        };
        let number = |name: &str, otherwise: &str, allowed: RangeInclusive<usize>| {
            let value = text(name, otherwise)?;
            let number = value.parse().ok().filter(|number| allowed.contains(number));
            number.with_context(|| {
                format!(
                    "{name} must be a whole number from {} to {}, not {value:?}",
                    allowed.start(),
                    allowed.end()
                )
            })
        };
        let host = text("HOST", "127.0.0.1")?;
        let host = host.parse().with_context(|| format!("HOST must be an IP address, not {host:?}"))?;
        let stage = match text("STAGE", "full")?.as_str() {
            "receive" => Stage::Receive,
            "decode" => Stage::Decode,
            "full" => Stage::Full,
            other => bail!("STAGE must be receive, decode or full, not {other:?}"),
        };
        let runtime = text("RUNTIME", "onnxruntime")?;
        if runtime != "onnxruntime" {
            bail!("RUNTIME must be onnxruntime, not {runtime:?}");
        }
        Ok(Self {
            address: (host, number("PORT", "", 1..=65_535)? as u16),
            workers: number("WORKERS", "1", 1..=1024)?,
            threads: number("THREADS", "1", 1..=1024)?,
            model_dir: text("MODEL_DIR", "")?,
            test_image: text("TEST_IMAGE", "")?,
            max_body_bytes: number("MAX_BODY_BYTES", "1048576", 1..=1 << 40)?,
            stage,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> anyhow::Result<Settings> {
        Settings::read(|asked| match asked {
            asked if asked == name => Some(value.to_owned()),
            "PORT" => Some("8000".to_owned()),
            "MODEL_DIR" | "TEST_IMAGE" => Some("somewhere".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn what_is_not_set_has_the_contracts_default() {
        let settings = with("", "").unwrap();
        assert_eq!(settings.address, ("127.0.0.1".parse().unwrap(), 8000));
        assert_eq!((settings.workers, settings.threads), (1, 1));
        assert_eq!((settings.max_body_bytes, settings.stage), (1 << 20, Stage::Full));
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value) in [
            ("HOST", "nowhere"),
            ("PORT", "65536"),
            ("WORKERS", "0"),
            ("THREADS", "1.5"),
            ("STAGE", "half"),
            ("RUNTIME", "other"),
            ("MAX_BODY_BYTES", "-1"),
            ("MODEL_DIR", ""),
        ] {
            let error = with(name, value).unwrap_err().to_string();
            assert!(error.starts_with(name), "{name}={value}: {error}");
        }
    }
}
