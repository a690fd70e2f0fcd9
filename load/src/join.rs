//! A member joins a room, with blocking calls.

use crate::{
    dialect::{Dialect, Who},
    error::LoadError,
    frames::{BINARY, put_client_frame},
    link::Link,
};

/// Joins a room, with blocking calls; returns the number that its data frames carry.
pub(crate) fn join(dialect: &Dialect, link: &mut Link, who: &Who) -> Result<u32, LoadError> {
    match dialect {
        // The upgrade joins the room.
        Dialect::Plain { .. } => Ok(0),
        Dialect::Nats { .. } => {
            link.send(&dialect.login(who)?)?;
            link.until(|message| dialect.is_logged_in(message))?;
            if who.hears {
                let mut frame = Vec::new();
                let line = format!("SUB {} 1\r\nPING\r\n", who.room);
                put_client_frame(&mut frame, BINARY, &[line.as_bytes()]);
                link.send(&frame)?;
                link.until(|message| dialect.is_logged_in(message))?;
            }
            Ok(0)
        }
        Dialect::Stagedoor(_) => {
            link.send(&dialect.login(who)?)?;
            link.until(|message| dialect.is_logged_in(message))?;
            let mut number = 0;
            if who.publishes {
                let (name, delivery) = (&who.user, who.delivery);
                let publish = format!(
                    r#"{{"op":"publish","id":2,"stream":"{name}","kind":"data","delivery":"{delivery}"}}"#
                );
                let answer = link.ask(&publish)?;
                let stream =
                    answer["stream"].as_u64().and_then(|number| u32::try_from(number).ok());
                number = stream.ok_or_else(|| LoadError::Server("named no stream".into()))?;
            }
            if who.hears {
                link.ask(r#"{"op":"subscribe","id":3,"streams":["*"]}"#)?;
            }
            Ok(number)
        }
    }
}
