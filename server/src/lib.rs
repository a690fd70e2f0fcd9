//! The server: mints tokens for backends. It keeps apps, keys, API keys and the audit trail, and asks the relay over
//! the bus about rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the server as a whole: opens the store, registers apps with the relay, closes.
//! 2. [`export`]: exports the directory of a relay that runs alone.
//! 3. [`backup`]: backs up the whole database to one file, and restores it.
//! 4. [`sealing`]: the acts of `stagedoor master-key` on a data folder.
//! 5. [`proof`]: verifies the audit trail of a data folder.
//! 6. [`router`]: paths, limits, request ids, rates.
//! 7. [`document`]: the OpenAPI document. Pure.
//! 8. `document::security`: how operations are opened. Pure.
//! 9. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 10. `document::examples`: examples of requests and answers. Pure.
//! 11. `document::form`: which form errors an operation can have. Pure.
//! 12. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 13. [`guard`]: checks that apply to every operation.
//! 14. `routes::oauth::token`: access tokens for OAuth clients.
//! 15. `routes::oauth::revoke`: ends a token.
//! 16. `routes::oauth::introspect`: what a token is now.
//! 17. `routes::oauth::metadata`: what an OAuth client needs to know.
//! 18. `routes::oauth::exchange`: ID tokens become room tokens.
//! 19. `routes::oauth`: OAuth 2.0: forms, and the clients that send them.
//! 20. `routes::oauth::client`: authenticates OAuth clients.
//! 21. `routes::oauth::form`: forms, and how a client shows itself. Pure.
//! 22. `routes::admission`: admits waiting members, many per request.
//! 23. `routes::api_keys`: API keys of an app.
//! 24. `routes::apps`: apps.
//! 25. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 26. `routes::audit::export`: exports of the trail.
//! 27. `routes::audit::proof`: its newest checkpoint, and the keys that sign checkpoints.
//! 28. `routes::leaks`: reports of what leaked.
//! 29. `routes::leaks::ending`: ends what leaked.
//! 30. `routes::keys::lines`: lines of keys: rotated, bounded, ended.
//! 31. `routes::keys`: keys of an app.
//! 32. `routes::me`: the caller itself.
//! 33. `routes::keys::views`: bodies of requests and answers about keys.
//! 34. `routes::jwks`: an app's public keys, for everybody.
//! 35. `routes::web`: the built pages: the classroom of `dev`.
//! 36. `routes::pages`: the pages in the binary: a front page and the reference.
//! 37. `routes::pages::files`: the files that pages load.
//! 38. `routes::roles`: roles of an app, a new version for each change.
//! 39. `routes::rooms`: rooms, as the app's backend sees them.
//! 40. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 41. `routes::revocations::target`: targets of revocations, as a request gives them. Pure.
//! 42. `routes::tokens`: mints and explains tokens.
//! 43. `routes::roles::change`: the newest roles of an app, and how they change.
//! 44. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 45. [`routes`]: one file for each resource.
//! 46. `routes::roles::views`: bodies of requests and answers about roles.
//! 47. `routes::body`: JSON bodies; errors become problems that name the field.
//! 48. [`authentication`]: authenticates requests, counts what fails, and checks rates.
//! 49. [`act`]: finishes each act that has begun.
//! 50. [`idempotency`]: a creation requested twice happens once.
//! 51. [`lookup`]: authenticates callers.
//! 52. `lookup::access_token`: finds the client of an access token.
//! 53. `lookup::api_key`: finds an API key.
//! 54. [`lives`]: what ends by itself among credentials.
//! 55. [`suspect`]: what a text that was found may be. Pure.
//! 56. [`credential`]: the form of credentials.
//! 57. [`caller`]: decides what a caller may do.
//! 58. [`inviter`]: mints tokens for the guests of members.
//! 59. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 60. [`rights`]: principals and their rights. Pure.
//! 61. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 62. [`role_set`]: reads and changes an app's roles. Pure.
//! 63. [`opening`]: opens the store of a data folder.
//! 64. [`lines`]: decides how the keys of a line follow each other. Pure.
//! 65. [`retirer`]: retires keys when their time has come.
//! 66. `uses::writer`: writes the uses of keys.
//! 67. [`state`]: what all requests share.
//! 68. [`storer`]: stores the relay's revocations before it answers.
//! 69. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 70. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 71. `recorder::listener`: records the relay's events and the API's refusals.
//! 72. [`recorder`]: the only writer of the audit trail.
//! 73. `recorder::events`: converts the relay's events to records. Pure.
//! 74. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 75. `recorder::writer`: the task that writes.
//! 76. `recorder::gate`: decides whether the trail may grow.
//! 77. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 78. [`uses`]: uses of keys, as relays report them, until they are written.
//! 79. `error::oauth`: refusals of OAuth.
//! 80. [`error`]: every refusal, and the only file with status codes.
//! 81. `error::problem`: the bodies of refusals.
//! 82. `error::statuses`: the API's own codes, each with its status.
//! 83. [`scope`]: what a credential opens. Pure.
//! 84. [`doors`]: keeps the doors in step with the store.
//! 85. `store::audit`: the audit trail.
//! 86. `store::audit::witness`: checkpoints, and the keys that sign them.
//! 87. `store::audit::walk`: walks through the whole trail.
//! 88. `store::audit::list`: reads records.
//! 89. `routes::forms`: schemas of other crates' types, for the document only.
//! 90. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 91. `store::clock`: the last saved settled time.
//! 92. `store::access_tokens`: access tokens of OAuth clients.
//! 93. `store::credentials`: API keys and the root credential.
//! 94. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 95. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 96. `store::export`: what a relay alone needs, without a secret.
//! 97. `store::revocations`: revocations of apps.
//! 98. `store::roles`: role sets of apps, one row per version.
//! 99. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 100. `store::keys`: signing keys of apps.
//! 101. `store::key_uses`: how often keys verified tokens, and when last.
//! 102. `store::apps`: apps.
//! 103. [`store`]: the database.
//! 104. `store::author`: the author of a row.
//! 105. `store::write`: writes to the database: one transaction of this process at a time.
//! 106. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 107. `store::audit::chain`: links of transactions.
//! 108. `store::deployment`: identifies a database file before it is opened.
//! 109. `store::health`: whether the database can be written, and why not.
//! 110. `store::error`: why a database operation failed. Pure.
//! 111. [`master_key`]: where the master key comes from.
//! 112. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 113. [`record`]: audit records.
//! 114. [`folder`]: the data folder, which one process uses.
//! 115. [`deployment`]: checks that the folder still contains its own database.
//! 116. [`under_way`]: acts and creations in progress.
//! 117. [`credential_uses`]: what is kept of a credential's uses. Pure.
//! 118. [`oidc`]: ID tokens of OpenID Connect issuers, whose keys are fetched when they are first needed.
//! 119. `oidc::held`: decides whether an issuer is asked for its keys. Pure.
//! 120. `oidc::discovery`: what an issuer says about itself. Pure.
//! 121. `oidc::id_token`: verifies ID tokens. Pure.
//! 122. `oidc::provider`: the cryptography of `jsonwebtoken`, over ring.
//! 123. `oidc::keys`: an issuer's public keys. Pure.
//! 124. [`outbound`]: the only place that opens connections outwards.
//! 125. `outbound::exchange`: one request and its answer.
//! 126. `outbound::url`: URLs that are asked. Pure.
//! 127. `outbound::address`: decides which addresses may be connected to. Pure.
//! 128. [`secret`]: makes, hashes and compares secrets.
//! 129. [`rates`]: rates by name.
//! 130. [`metrics`]: the server's counters.
//! 131. [`config`]: the server's configuration: every limit, by name.
//! 132. [`public_url`]: where clients reach this server. Pure.

mod act;
mod authentication;
mod backup;
mod caller;
pub mod config;
mod credential;
mod credential_uses;
mod deployment;
mod document;
mod doors;
mod envelope;
mod error;
mod export;
mod folder;
mod guard;
mod idempotency;
mod inviter;
mod issue;
mod lines;
mod lives;
mod lookup;
mod master_key;
mod metrics;
mod minting;
#[allow(dead_code, reason = "its users follow")]
mod oidc;
mod opening;
#[allow(dead_code, reason = "its users follow")]
mod outbound;
mod proof;
mod public_url;
mod rates;
mod record;
mod recorder;
mod resealer;
mod retirer;
mod revoker;
mod rights;
mod role_set;
mod router;
mod routes;
mod scope;
pub mod sealing;
mod secret;
mod server;
mod state;
mod store;
mod storer;
mod suspect;
mod under_way;
mod uses;

pub use backup::{BackupError, BackupMade, Restored, backup, restore};
pub use config::{Config, MasterKeySource};
pub use deployment::NotTheDatabase;
pub use envelope::{KeyId, MasterKey, NotAnId};
pub use error::BodyTimeout;
pub use export::export_directory;
pub use folder::{DataFolder, FolderError, MASTER_KEY as MASTER_KEY_FILE};
pub use master_key::{MasterKeyError, VARIABLE as MASTER_KEY_VARIABLE};
pub use opening::OpenError;
pub use proof::{ProofError, verify_trail};
pub use public_url::{NotAPublicUrl, PublicUrl};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use scope::Scope;
pub use server::{NotReady, Server, Usable};
