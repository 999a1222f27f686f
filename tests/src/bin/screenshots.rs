//! Pictures of the real pages: `screenshots FOLDER [NAME…]`, such as `login-phone`; of all
//! pages without a name.

use acceptance::chromium::View;
use acceptance::{Chromium, Deployment, Options, Tour};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: screenshots FOLDER [NAME…]")?;
    let names: Vec<String> = arguments.collect();
    std::fs::create_dir_all(&folder)?;
    for (view, suffix) in [
        (View::phone(), "phone"),
        (View::tablet().dark(), "tablet-dark"),
        (View::desktop(), "desktop"),
    ] {
        let deployment = Deployment::with(
            Options::default()
                .setting("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com")
                .setting(
                    "COUNTERSIGN_APP_URLS",
                    "https://wiki.example,https://shop.example",
                ),
        )
        .await;
        let browser = Chromium::with(&deployment.site(), view).await;
        let mut failures = Vec::new();
        Tour::walk(&deployment, &browser, async |name: &str, browser| {
            let name = format!("{name}-{suffix}");
            if names.is_empty() || names.contains(&name) {
                let path = format!("{folder}/{name}.png");
                let picture = browser.screenshot().await;
                failures.extend(std::fs::write(path, picture).err());
            }
        })
        .await;
        if let Some(failure) = failures.pop() {
            return Err(failure.into());
        }
    }
    Ok(())
}
