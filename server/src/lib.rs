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
//! 28. `routes::issuers`: issuers of ID tokens of an app.
//! 29. `routes::issuers::trying`: what an issuer's checks and rules say; nothing is minted.
//! 30. `routes::leaks`: reports of what leaked.
//! 31. `routes::leaks::ending`: ends what leaked.
//! 32. `routes::keys::lines`: lines of keys: rotated, bounded, ended.
//! 33. `routes::keys`: keys of an app.
//! 34. `routes::me`: the caller itself.
//! 35. `routes::keys::views`: bodies of requests and answers about keys.
//! 36. `routes::jwks`: an app's public keys, for everybody.
//! 37. `routes::web`: the built pages: the classroom of `dev`.
//! 38. `routes::pages`: the pages in the binary: a front page and the reference.
//! 39. `routes::pages::files`: the files that pages load.
//! 40. `routes::roles`: roles of an app, a new version for each change.
//! 41. `routes::rooms`: rooms, as the app's backend sees them.
//! 42. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 43. `routes::revocations::target`: targets of revocations, as a request gives them. Pure.
//! 44. `routes::tokens`: mints and explains tokens.
//! 45. `routes::roles::change`: the newest roles of an app, and how they change.
//! 46. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 47. [`sso`]: what the claims of an ID token become.
//! 48. `routes::issuers::views`: bodies of requests and answers about issuers.
//! 49. [`routes`]: one file for each resource.
//! 50. `routes::roles::views`: bodies of requests and answers about roles.
//! 51. `routes::body`: JSON bodies; errors become problems that name the field.
//! 52. [`authentication`]: authenticates requests, counts what fails, and checks rates.
//! 53. [`act`]: finishes each act that has begun.
//! 54. [`idempotency`]: a creation requested twice happens once.
//! 55. [`lookup`]: authenticates callers.
//! 56. `lookup::access_token`: finds the client of an access token.
//! 57. `lookup::api_key`: finds an API key.
//! 58. [`lives`]: what ends by itself among credentials.
//! 59. [`suspect`]: what a text that was found may be. Pure.
//! 60. [`credential`]: the form of credentials.
//! 61. [`caller`]: decides what a caller may do.
//! 62. [`inviter`]: mints tokens for the guests of members.
//! 63. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 64. [`rights`]: principals and their rights. Pure.
//! 65. `token04_issue`: decides whether a Token04 is minted. Pure.
//! 66. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 67. [`role_set`]: reads and changes an app's roles. Pure.
//! 68. [`issuer`]: an issuer as an app names it. Pure.
//! 69. [`opening`]: opens the store of a data folder.
//! 70. [`lines`]: decides how the keys of a line follow each other. Pure.
//! 71. [`retirer`]: retires keys when their time has come.
//! 72. `uses::writer`: writes the uses of keys.
//! 73. [`state`]: what all requests share.
//! 74. [`storer`]: stores the relay's revocations before it answers.
//! 75. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 76. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 77. `recorder::listener`: records the relay's events and the API's refusals.
//! 78. [`recorder`]: the only writer of the audit trail.
//! 79. `recorder::events`: converts the relay's events to records. Pure.
//! 80. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 81. `recorder::writer`: the task that writes.
//! 82. `recorder::gate`: decides whether the trail may grow.
//! 83. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 84. [`uses`]: uses of keys, as relays report them, until they are written.
//! 85. `error::oauth`: refusals of OAuth.
//! 86. [`error`]: every refusal, and the only file with status codes.
//! 87. `error::problem`: the bodies of refusals.
//! 88. `error::statuses`: the API's own codes, each with its status.
//! 89. [`scope`]: what a credential opens. Pure.
//! 90. [`doors`]: keeps the doors in step with the store.
//! 91. `store::audit`: the audit trail.
//! 92. `store::audit::witness`: checkpoints, and the keys that sign them.
//! 93. `store::audit::walk`: walks through the whole trail.
//! 94. `store::audit::list`: reads records.
//! 95. `routes::forms`: schemas of other crates' types, for the document only.
//! 96. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 97. `store::clock`: the last saved settled time.
//! 98. `store::access_tokens`: access tokens of OAuth clients.
//! 99. `store::credentials`: API keys and the root credential.
//! 100. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 101. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 102. `store::export`: what a relay alone needs, without a secret.
//! 103. `store::revocations`: revocations of apps.
//! 104. `store::roles`: role sets of apps, one row per version.
//! 105. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 106. `store::issuers`: issuers of ID tokens of apps.
//! 107. `store::keys`: signing keys of apps.
//! 108. `store::key_uses`: how often keys verified tokens, and when last.
//! 109. `store::apps`: apps.
//! 110. [`store`]: the database.
//! 111. `store::author`: the author of a row.
//! 112. `store::write`: writes to the database: one transaction of this process at a time.
//! 113. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 114. `store::audit::chain`: links of transactions.
//! 115. `store::deployment`: identifies a database file before it is opened.
//! 116. `store::health`: whether the database can be written, and why not.
//! 117. `store::error`: why a database operation failed. Pure.
//! 118. `token04_setting`: which Token04 an app takes. Pure.
//! 119. [`master_key`]: where the master key comes from.
//! 120. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 121. [`record`]: audit records.
//! 122. [`folder`]: the data folder, which one process uses.
//! 123. [`deployment`]: checks that the folder still contains its own database.
//! 124. [`under_way`]: acts and creations in progress.
//! 125. [`credential_uses`]: what is kept of a credential's uses. Pure.
//! 126. [`oidc`]: ID tokens of OpenID Connect issuers, whose keys are fetched when they are first needed.
//! 127. `oidc::held`: decides whether an issuer is asked for its keys. Pure.
//! 128. `oidc::discovery`: what an issuer says about itself. Pure.
//! 129. `oidc::id_token`: verifies ID tokens. Pure.
//! 130. `oidc::provider`: the cryptography of `jsonwebtoken`, over ring.
//! 131. `oidc::keys`: an issuer's public keys. Pure.
//! 132. [`outbound`]: the only place that opens connections outwards.
//! 133. `outbound::exchange`: one request and its answer.
//! 134. `outbound::url`: URLs that are asked. Pure.
//! 135. `outbound::address`: decides which addresses may be connected to. Pure.
//! 136. [`secret`]: makes, hashes and compares secrets.
//! 137. [`rates`]: rates by name.
//! 138. [`metrics`]: the server's counters.
//! 139. `key_alg`: what a key is for. Pure.
//! 140. [`config`]: the server's configuration: every limit, by name.
//! 141. [`public_url`]: where clients reach this server. Pure.

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
mod issuer;
mod key_alg;
mod lines;
mod lives;
mod lookup;
mod master_key;
mod metrics;
mod minting;
mod oidc;
mod opening;
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
mod sso;
mod state;
mod store;
mod storer;
mod suspect;
mod token04_issue;
mod token04_setting;
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
