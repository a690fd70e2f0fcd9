//! `latency --link`: a member reads the picture and the sound of another over a slow line. Measures how old frames are
//! when they come, and whether the member hears of those that do not.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::crowd::warm_up;
use crate::{
    camera::{Camera, PICTURE, SOUND},
    dialect::{Dialect, Target, Who},
    error::LoadError,
    join::join,
    line::Line,
    link::Link,
    outcome::{Faults, Latency, Outcome, times},
    viewer::Viewer,
    watch::{Tell, Watch},
};

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct SlowLine {
    /// The line's rate, in thousands of bits per second.
    pub kbits: u32,
    /// How long to measure.
    pub time: Duration,
}

/// How long what is under way may take once the camera has stopped.
const DRAIN: Duration = Duration::from_secs(15);

impl SlowLine {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Dialect::Stagedoor(_) = target.dialect else {
            return Err(LoadError::Option("a slow line is for Stagedoor's own wire".into()));
        };
        if !(KBITS_MIN..=KBITS_MAX).contains(&self.kbits) {
            return Err(LoadError::Option(format!("a line has {KBITS_MIN} to {KBITS_MAX} kbit/s")));
        }
        let begun = Instant::now();
        let camera = Camera::open(target, begun)?;
        let line = Line::open(target, self.kbits)?;
        let mut viewer = Viewer::new(self.join(target, &line)?, camera.streams(), begun)?;
        let mut watch = Watch::new(target.process, tell);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let filming = scope.spawn(|| camera.film(&stop));
            let measured = self.measure(&mut viewer, &mut watch);
            stop.store(true, Ordering::Relaxed);
            let filmed =
                filming.join().map_err(|_| LoadError::Option("the camera broke".into()))?;
            let (wall_s, cpu_s, delivered) = measured?;
            viewer.drain(filmed?, Instant::now() + DRAIN)?;
            let samples = std::mem::take(&mut watch.samples);
            Ok(Outcome {
                count: delivered,
                wall_s,
                server_cpu_s: cpu_s,
                samples,
                ..self.outcome(target, &viewer)
            })
        })
    }

    fn join(&self, target: &Target, line: &Line) -> Result<Link, LoadError> {
        let target = line.target(target);
        let who = Who {
            room: crate::camera::ROOM.into(),
            user: "viewer".into(),
            publishes: false,
            hears: true,
            delivery: "media",
            receive_buffer_bytes: None,
        };
        let mut link = Link::open(&target, 0, &who)?;
        join(&target.dialect, &mut link, &who)?;
        Ok(link)
    }

    /// Seconds, the server's CPU seconds, and deliveries of the measurement.
    fn measure(
        &self,
        viewer: &mut Viewer,
        watch: &mut Watch<'_>,
    ) -> Result<(f64, f64, u64), LoadError> {
        viewer.watch_until(Instant::now() + warm_up(self.time), watch, "warming up")?;
        viewer.note_times(times()?, times()?, times()?);
        let (begun, before, cpu_s) = (Instant::now(), viewer.delivered, watch.cpu_s());
        viewer.watch_until(begun + self.time, watch, "measuring")?;
        Ok((begun.elapsed().as_secs_f64(), watch.cpu_s() - cpu_s, viewer.delivered - before))
    }

    fn outcome(&self, target: &Target, viewer: &Viewer) -> Outcome {
        let ms = |times: Option<&Histogram<u64>>, share: f64| {
            times.map_or(0.0, |times| times.value_at_quantile(share) as f64 / 1_000.0)
        };
        let [picture, sound] = [PICTURE, SOUND].map(|part| viewer.times(part));
        let shown = viewer.shown();
        Outcome {
            scenario: format!("picture of 1,500 kbit/s and sound over {} kbit/s", self.kbits),
            dialect: target.dialect.name(),
            unit: "deliveries",
            server_cores: target.cores,
            latency: picture.and_then(Latency::of),
            faults: Faults { lost: viewer.untold(), ..viewer.faults },
            figures: vec![
                ("video_p50_ms", ms(picture, 0.5)),
                ("video_p95_ms", ms(picture, 0.95)),
                ("video_max_ms", ms(picture, 1.0)),
                ("video_shown_p95_ms", ms(shown, 0.95)),
                ("audio_p50_ms", ms(sound, 0.5)),
                ("audio_p95_ms", ms(sound, 0.95)),
                ("audio_max_ms", ms(sound, 1.0)),
                ("frames_told_lost", viewer.told_lost() as f64),
            ],
            ..Outcome::default()
        }
    }
}

/// The slowest line and the fastest.
const KBITS_MIN: u32 = 64;
const KBITS_MAX: u32 = 1_000_000;
