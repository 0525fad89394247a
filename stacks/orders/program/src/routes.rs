//! Which request means what. Pure: words in, a route or a refusal out.

use hyper::Method;

use crate::store::State;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    About,
    Health,
    Metrics,
    Place,
    Show(i64),
    List { state: Option<State>, limit: i64 },
}

/// Why a request means nothing, with its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) why: String,
}

/// How many orders a list has at most, and by default.
const LONGEST: i64 = 500;
const USUAL: i64 = 50;

impl Route {
    pub(crate) fn of(method: &Method, path: &str, query: Option<&str>) -> Result<Self, Refusal> {
        let known: &[Method] = match path {
            "/orders" => &[Method::GET, Method::POST],
            _ => &[Method::GET],
        };
        let route = match path {
            "/" => Self::About,
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            "/orders" if method == Method::POST => Self::Place,
            "/orders" => list(query.unwrap_or_default())?,
            _ => one(path).ok_or_else(|| refuse(404, format!("there is nothing at `{path}`")))?,
        };
        if !known.contains(method) {
            return Err(refuse(405, format!("`{method}` means nothing at `{path}`")));
        }
        Ok(route)
    }
}

fn one(path: &str) -> Option<Route> {
    let id = path.strip_prefix("/orders/")?;
    id.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    Some(Route::Show(id.parse().ok()?))
}

fn list(query: &str) -> Result<Route, Refusal> {
    let (mut state, mut limit) = (None, USUAL);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let wrong = || {
            refuse(
                400,
                format!(
                    "`{pair}` is no filter; there are `state=new|shipped` and `limit=1…{LONGEST}`"
                ),
            )
        };
        match pair.split_once('=').ok_or_else(wrong)? {
            ("state", word) => state = Some(State::parse(word).ok_or_else(wrong)?),
            ("limit", count) => {
                let count = count
                    .parse()
                    .ok()
                    .filter(|count| (1..=LONGEST).contains(count));
                limit = count.ok_or_else(wrong)?;
            }
            _ => return Err(wrong()),
        }
    }
    Ok(Route::List { state, limit })
}

fn refuse(status: u16, why: String) -> Refusal {
    Refusal { status, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Result<Route, Refusal> {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        Route::of(&Method::GET, path, query)
    }

    #[test]
    fn every_path_means_what_it_says() {
        assert_eq!(get("/"), Ok(Route::About));
        assert_eq!(get("/healthz"), Ok(Route::Health));
        assert_eq!(get("/metrics"), Ok(Route::Metrics));
        assert_eq!(get("/orders/42"), Ok(Route::Show(42)));
        assert_eq!(Route::of(&Method::POST, "/orders", None), Ok(Route::Place));
    }

    #[test]
    fn a_list_is_filtered_by_state_and_limit() {
        let usual = Route::List {
            state: None,
            limit: USUAL,
        };
        assert_eq!(get("/orders"), Ok(usual));
        let filtered = Route::List {
            state: Some(State::Shipped),
            limit: 3,
        };
        assert_eq!(get("/orders?state=shipped&limit=3"), Ok(filtered));
        for wrong in [
            "state=lost",
            "limit=0",
            "limit=501",
            "limit=x",
            "page=2",
            "state",
        ] {
            let refusal = get(&format!("/orders?{wrong}")).unwrap_err();
            assert_eq!(refusal.status, 400);
            assert!(refusal.why.contains(wrong), "{}", refusal.why);
        }
    }

    #[test]
    fn what_is_not_there_is_told_apart_from_what_cannot_be_done() {
        for nothing in [
            "/order",
            "/orders/",
            "/orders/x",
            "/orders/-1",
            "/orders/1/lines",
            "/orders/99999999999999999999",
        ] {
            assert_eq!(get(nothing).unwrap_err().status, 404, "{nothing}");
        }
        for path in ["/", "/orders", "/orders/1", "/metrics"] {
            assert_eq!(
                Route::of(&Method::DELETE, path, None).unwrap_err().status,
                405,
                "{path}"
            );
        }
    }
}
