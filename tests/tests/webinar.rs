//! The webinar with real input, from the clip to the last comparison.

use anyhow::Result;
use stagedoor_webinar::{Size, run};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_viewers_get_a_real_clip_byte_for_byte() -> Result<()> {
    let report = run(Size::default()).await?;
    assert!(report.rows().len() >= 16, "{report}");
    assert!(report.is_good(), "{report}");
    Ok(())
}
