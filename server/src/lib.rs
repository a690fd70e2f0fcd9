//! The server: mints tokens for backends. It keeps apps, keys, API keys and the audit trail, and asks the relay over
//! the bus about rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the server as a whole: opens the store, registers apps with the relay, closes.
//! 2. [`export`]: exports the directory of a relay that runs alone.
//! 3. [`first`]: what the first start makes: the root credential, and the first owner.
//! 4. [`backup`]: backs up the whole database to one file, and restores it.
//! 5. [`sealing`]: the acts of `stagedoor master-key` on a data folder.
//! 6. [`proof`]: verifies the audit trail of a data folder.
//! 7. [`router`]: paths, limits, request ids, rates.
//! 8. [`document`]: the OpenAPI document. Pure.
//! 9. `document::security`: how operations are opened. Pure.
//! 10. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 11. `document::operations::team`: the rows of operators and teams.
//! 12. `document::operations::row`: what the table says of one operation. Pure.
//! 13. `document::examples`: examples of requests and answers. Pure.
//! 14. `document::form`: which form errors an operation can have. Pure.
//! 15. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 16. [`guard`]: checks that apply to every operation.
//! 17. `routes::oauth::token`: access tokens for OAuth clients.
//! 18. `routes::oauth::revoke`: ends a token.
//! 19. `routes::oauth::introspect`: what a token is now.
//! 20. `routes::oauth::metadata`: what an OAuth client needs to know.
//! 21. `routes::oauth::exchange`: ID tokens become room tokens.
//! 22. `routes::oauth`: OAuth 2.0: forms, and the clients that send them.
//! 23. `routes::oauth::client`: authenticates OAuth clients.
//! 24. `routes::oauth::form`: forms, and how a client shows itself. Pure.
//! 25. [`console`]: the door of the console: the API for a session.
//! 26. `routes::admission`: admits waiting members, many per request.
//! 27. `routes::api_keys`: API keys of an app.
//! 28. `routes::session`: logging in.
//! 29. `routes::team`: the team of an app.
//! 30. `routes::operators::tokens`: personal tokens of operators, as owners see them.
//! 31. `routes::operators::sessions`: sessions of operators, and links.
//! 32. `routes::operators`: operators.
//! 33. `routes::operators::views`: bodies of requests and answers about operators.
//! 34. `routes::me::sessions`: sessions of the caller.
//! 35. `routes::me::personal`: personal tokens of the caller.
//! 36. `routes::apps`: apps.
//! 37. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 38. `routes::audit::export`: exports of the trail.
//! 39. `routes::audit::proof`: its newest checkpoint, and the keys that sign checkpoints.
//! 40. `routes::issuers`: issuers of ID tokens of an app.
//! 41. `routes::issuers::trying`: what an issuer's checks and rules say; nothing is minted.
//! 42. `routes::leaks`: reports of what leaked.
//! 43. `routes::leaks::ending::operators`: ends what of an operator leaked.
//! 44. `routes::leaks::ending`: ends what leaked.
//! 45. `routes::keys::lines`: lines of keys: rotated, bounded, ended.
//! 46. `routes::keys`: keys of an app.
//! 47. `routes::me`: the caller itself.
//! 48. `routes::keys::views`: bodies of requests and answers about keys.
//! 49. `routes::jwks`: an app's public keys, for everybody.
//! 50. `routes::web`: the built pages: the classroom of `dev`.
//! 51. `routes::pages`: the pages in the binary: a front page and the reference.
//! 52. `routes::pages::files`: the files that pages load.
//! 53. `routes::roles`: roles of an app, a new version for each change.
//! 54. `routes::rooms`: rooms, as the app's backend sees them.
//! 55. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 56. `routes::revocations::target`: targets of revocations, as a request gives them. Pure.
//! 57. `routes::tokens`: mints and explains tokens.
//! 58. `routes::roles::change`: the newest roles of an app, and how they change.
//! 59. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 60. [`sso`]: what the claims of an ID token become.
//! 61. `routes::issuers::views`: bodies of requests and answers about issuers.
//! 62. [`routes`]: one file for each resource.
//! 63. `routes::roles::views`: bodies of requests and answers about roles.
//! 64. `routes::body`: JSON bodies; errors become problems that name the field.
//! 65. [`authentication`]: authenticates requests, counts what fails, and checks rates.
//! 66. [`act`]: finishes each act that has begun.
//! 67. [`idempotency`]: a creation requested twice happens once.
//! 68. [`sessions`]: how sessions begin.
//! 69. [`links`]: links that log in once.
//! 70. [`lookup`]: authenticates callers.
//! 71. `lookup::access_token`: finds the client of an access token.
//! 72. `lookup::api_key`: finds an API key.
//! 73. [`forgetting`]: deletes what has ended.
//! 74. [`lives`]: what ends by itself among credentials.
//! 75. [`suspect`]: what a text that was found may be. Pure.
//! 76. `lookup::session`: looks up sessions.
//! 77. `lookup::personal`: looks up personal tokens.
//! 78. [`standing`]: whether an operator still is one.
//! 79. `lookup::noted`: what a look-up answers, and uses of credentials.
//! 80. [`caller`]: decides what a caller may do.
//! 81. [`credential`]: the form of credentials.
//! 82. [`inviter`]: mints tokens for the guests of members.
//! 83. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 84. `token04_issue`: decides whether a Token04 is minted. Pure.
//! 85. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 86. [`role_set`]: reads and changes an app's roles. Pure.
//! 87. [`issuer`]: an issuer as an app names it. Pure.
//! 88. [`opening`]: opens the store of a data folder.
//! 89. [`lines`]: decides how the keys of a line follow each other. Pure.
//! 90. [`retirer`]: retires keys when their time has come.
//! 91. `uses::writer`: writes the uses of keys.
//! 92. [`state`]: what all requests share.
//! 93. [`storer`]: stores the relay's revocations before it answers.
//! 94. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 95. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 96. `recorder::listener`: records the relay's events and the API's refusals.
//! 97. [`recorder`]: the only writer of the audit trail.
//! 98. `recorder::events`: converts the relay's events to records. Pure.
//! 99. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 100. `recorder::writer`: the task that writes.
//! 101. `recorder::gate`: decides whether the trail may grow.
//! 102. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 103. [`uses`]: uses of keys, as relays report them, until they are written.
//! 104. `error::oauth`: refusals of OAuth.
//! 105. [`channel`]: how browsers reach this server. Pure.
//! 106. [`error`]: every refusal, and the only file with status codes.
//! 107. `error::problem`: the bodies of refusals.
//! 108. `error::statuses`: the API's own codes, each with its status.
//! 109. `error::body_timeout`: the error of a body that came too late.
//! 110. `error::challenge`: what an answer says about the credential that is needed. Pure.
//! 111. [`doors`]: keeps the doors in step with the store.
//! 112. `store::audit`: the audit trail.
//! 113. `store::audit::witness`: checkpoints, and the keys that sign them.
//! 114. `store::audit::walk`: walks through the whole trail.
//! 115. `store::audit::list`: reads records.
//! 116. `routes::forms`: schemas of other crates' types, for the document only.
//! 117. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 118. `store::clock`: the last saved settled time.
//! 119. `store::access_tokens`: access tokens of OAuth clients.
//! 120. `store::personal`: personal tokens of operators.
//! 121. `store::sessions`: sessions of browsers, and links that begin them.
//! 122. `store::operators`: operators and their levels.
//! 123. `store::credentials`: API keys and the root credential.
//! 124. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 125. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 126. `store::export`: what a relay alone needs, without a secret.
//! 127. `store::revocations`: revocations of apps.
//! 128. `store::roles`: role sets of apps, one row per version.
//! 129. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 130. `store::issuers`: issuers of ID tokens of apps.
//! 131. `store::keys`: signing keys of apps.
//! 132. `store::key_uses`: how often keys verified tokens, and when last.
//! 133. `store::apps`: apps.
//! 134. [`store`]: the database.
//! 135. `store::author`: the author of a row.
//! 136. `store::write`: writes to the database: one transaction of this process at a time.
//! 137. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 138. `store::audit::chain`: links of transactions.
//! 139. `store::deployment`: identifies a database file before it is opened.
//! 140. `store::health`: whether the database can be written, and why not.
//! 141. `store::error`: why a database operation failed. Pure.
//! 142. `token04_setting`: which Token04 an app takes. Pure.
//! 143. [`rights`]: principals and their rights. Pure.
//! 144. [`level`]: what an operator may do. Pure.
//! 145. [`scope`]: what a credential opens. Pure.
//! 146. [`master_key`]: where the master key comes from.
//! 147. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 148. [`record`]: audit records.
//! 149. [`folder`]: the data folder, which one process uses.
//! 150. [`deployment`]: checks that the folder still contains its own database.
//! 151. [`under_way`]: acts and creations in progress.
//! 152. [`credential_uses`]: what is kept of a credential's uses. Pure.
//! 153. [`oidc`]: ID tokens of OpenID Connect issuers, whose keys are fetched when they are first needed.
//! 154. `oidc::held`: decides whether an issuer is asked for its keys. Pure.
//! 155. `oidc::discovery`: what an issuer says about itself. Pure.
//! 156. `oidc::id_token`: verifies ID tokens. Pure.
//! 157. `oidc::provider`: the cryptography of `jsonwebtoken`, over ring.
//! 158. `oidc::keys`: an issuer's public keys. Pure.
//! 159. [`outbound`]: the only place that opens connections outwards.
//! 160. `outbound::exchange`: one request and its answer.
//! 161. `outbound::url`: URLs that are asked. Pure.
//! 162. `outbound::address`: decides which addresses may be connected to. Pure.
//! 163. [`secret`]: makes, hashes and compares secrets.
//! 164. [`rates`]: rates by name.
//! 165. [`metrics`]: the server's counters.
//! 166. `key_alg`: what a key is for. Pure.
//! 167. [`config`]: the server's configuration: every limit, by name.
//! 168. [`public_url`]: where clients reach this server. Pure.

mod act;
mod authentication;
mod backup;
mod caller;
mod channel;
pub mod config;
mod console;
mod credential;
mod credential_uses;
mod deployment;
mod document;
mod doors;
mod envelope;
mod error;
mod export;
mod first;
mod folder;
mod forgetting;
mod guard;
mod idempotency;
mod inviter;
mod issue;
mod issuer;
mod key_alg;
pub mod level;
mod lines;
mod links;
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
mod sessions;
mod sso;
mod standing;
mod state;
mod store;
mod storer;
mod suspect;
mod token04_issue;
mod token04_setting;
mod under_way;
mod uses;

pub use backup::{BackupError, BackupMade, Restored, backup, restore};
pub use config::{Config, MasterKeySource, RootUse};
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
