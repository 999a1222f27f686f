//! QR codes for authenticator apps: black on white with the quiet zone that scanners need, so
//! that they scan on a dark page, too.

use std::fmt::Write as _;

use data_encoding::BASE64;
use qrcodegen::{QrCode, QrCodeEcc};
use thiserror::Error;

/// ISO/IEC 18004 asks for four modules of white around the code.
const QUIET: i32 = 4;
/// Pixels of the PNG for each module.
const SCALE: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QrError {
    #[error("the text does not fit into a QR code (about 2300 bytes)")]
    TooLong,
    #[error("the image could not be encoded")]
    Image,
}

/// An `<svg>` element that fills whatever holds it.
pub fn svg(text: &str) -> Result<String, QrError> {
    let code = Modules::encode(text)?;
    let mut path = String::new();
    for (y, row) in code.rows().enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, next| one == next) {
            let (from, length) = (x, run.len());
            x += length;
            if run.first() == Some(&true) {
                write!(path, "M{from} {y}h{length}v1h-{length}z").map_err(|_| QrError::Image)?;
            }
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"QR code\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path fill=\"#000\" d=\"{path}\"/>\
         </svg>",
        side = code.side(),
    ))
}

/// A PNG as a `data:` URI, for clients that show images and no markup.
pub fn png_data_uri(text: &str) -> Result<String, QrError> {
    let image = png(&Modules::encode(text)?).ok_or(QrError::Image)?;
    Ok(format!("data:image/png;base64,{}", BASE64.encode(&image)))
}

struct Modules(QrCode);

impl Modules {
    fn encode(text: &str) -> Result<Self, QrError> {
        QrCode::encode_text(text, QrCodeEcc::Medium)
            .map(Self)
            .map_err(|_| QrError::TooLong)
    }

    fn side(&self) -> i32 {
        self.0.size() + 2 * QUIET
    }

    /// From top to bottom; true is dark.
    fn rows(&self) -> impl Iterator<Item = Vec<bool>> {
        let span = -QUIET..self.0.size() + QUIET;
        span.clone()
            .map(move |y| span.clone().map(|x| self.0.get_module(x, y)).collect())
    }
}

fn png(code: &Modules) -> Option<Vec<u8>> {
    let side = u32::try_from(code.side())
        .ok()?
        .checked_mul(u32::try_from(SCALE).ok()?)?;
    let mut image = Vec::new();
    let mut encoder = png::Encoder::new(&mut image, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    // Eight pixels of one bit a module: a byte of the image is a module of the code.
    let pixels = code
        .rows()
        .flat_map(|row| {
            let line = row
                .iter()
                .map(|dark| if *dark { 0 } else { u8::MAX })
                .collect::<Vec<_>>();
            std::iter::repeat_n(line, SCALE).flatten()
        })
        .collect::<Vec<_>>();
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "otpauth://totp/Countersign:jane%40example.org?secret=GEZDGNBVGY3TQOJQ";

    #[test]
    fn the_png_shows_the_modules_of_the_code() {
        let uri = png_data_uri(TEXT).unwrap();
        let bytes = BASE64.decode(
            uri.strip_prefix("data:image/png;base64,")
                .unwrap()
                .as_bytes(),
        );
        let decoder = png::Decoder::new(std::io::Cursor::new(bytes.unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let code = Modules::encode(TEXT).unwrap();
        let side = usize::try_from(code.side()).unwrap();
        assert_eq!(
            (frame.width as usize, frame.height as usize),
            (side * SCALE, side * SCALE)
        );
        for (y, row) in code.rows().enumerate() {
            for (x, dark) in row.iter().enumerate() {
                let byte = pixels[y * SCALE * side + x];
                assert_eq!(byte, if *dark { 0 } else { 255 }, "{x} {y}");
            }
        }
    }

    #[test]
    fn the_code_has_a_quiet_zone_and_medium_correction() {
        let code = Modules::encode(TEXT).unwrap();
        let rows = code.rows().collect::<Vec<_>>();
        assert!(rows[..4].iter().flatten().all(|dark| !dark));
        assert!(rows.iter().all(|row| !row[..4].contains(&true)));
        assert!(rows[4][4], "the corner of a finder pattern");
        assert!(code.0.error_correction_level() >= QrCodeEcc::Medium);
    }

    #[test]
    fn the_svg_draws_the_modules_of_the_code() {
        let svg = svg(TEXT).unwrap();
        let code = Modules::encode(TEXT).unwrap();
        let side = usize::try_from(code.side()).unwrap();
        assert!(svg.contains(&format!("viewBox=\"0 0 {side} {side}\"")));
        assert!(!svg.contains("otpauth"));
        let path = svg
            .rsplit_once("d=\"M")
            .unwrap()
            .1
            .split_once("z\"/>")
            .unwrap()
            .0;
        let mut drawn = vec![vec![false; side]; side];
        for run in path.split("zM") {
            let (place, run) = run.split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (x, y) = (x.parse::<usize>().unwrap(), y.parse::<usize>().unwrap());
            let length = run.split_once("v1h-").unwrap().0.parse::<usize>().unwrap();
            drawn[y][x..x + length].fill(true);
        }
        assert_eq!(drawn, code.rows().collect::<Vec<_>>());
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert_eq!(svg(&"x".repeat(3_000)), Err(QrError::TooLong));
        assert!(svg(&"x".repeat(2_000)).is_ok());
    }
}
