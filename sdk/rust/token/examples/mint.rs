//! Mints a token and prints it: the quick start of `docs/quickstart-rust.md`.
//!
//! `cargo run -p stagedoor-token --example mint -- lobby ben host`; the app, the key's id and its secret are in
//! `APP`, `KID` and `STAGEDOOR_SECRET`.

use std::{
    env,
    error::Error,
    io::{Write, stdout},
    time::SystemTime,
};

use stagedoor_token::{AppId, Claims, Key, KeyState, mint, secret_of_text};

fn main() -> Result<(), Box<dyn Error>> {
    let app = AppId(env::var("APP")?.parse()?);
    let secret = secret_of_text(&env::var("STAGEDOOR_SECRET")?)?;
    let key = Key::hs256(app, &env::var("KID")?, &secret, KeyState::Current)?;

    let words: Vec<String> = env::args().skip(1).collect();
    let [room, user, role] = words.as_slice() else {
        return Err("give room, user and role".into());
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let jti = format!("t-{}", now.as_nanos());
    let claims = Claims::builder(app, role.parse()?)
        .room(room)
        .user(user)
        .jti(&jti)
        .lifetime(now.as_secs(), 900)
        .build();
    writeln!(stdout(), "{}", mint(&claims, &key)?)?;
    Ok(())
}
