//! A page is shown as a page. What a browser fetches to put into another place, such as an image or a
//! frame, is refused (ASVS-3.2.1).

use axum::extract::Request;
use axum::http::HeaderName;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use edge::problem::{Code, Problem};

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

pub(crate) async fn refuse_embedding(request: Request, next: Next) -> Response {
    let mut places = request.headers().get_all(SEC_FETCH_DEST).iter();
    if places.all(|place| place == "document" || place == "empty") {
        next.run(request).await
    } else {
        Problem::new(Code::Forbidden).into_response()
    }
}
