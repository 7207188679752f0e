//! Bytes of any kind.

use crate::{SIGNALS, generate, mutate, oracle};
use fastrand::Rng;

#[test]
fn damaged_requests_are_refused_or_read_as_generated_code_does() {
    let mut rng = Rng::with_seed(7);
    let (mut valid, mut all) = (0, 0);
    while all < 60_000 {
        let signal = SIGNALS[all / 20 % 3];
        let request = generate::small(&mut rng, signal);
        for _ in 0..20 {
            let mut damaged = request.clone();
            mutate::bytes(&mut rng, &mut damaged);
            valid += usize::from(oracle::check(signal, &damaged));
            all += 1;
        }
    }
    assert!(valid > all / 50, "{valid} of {all} are still requests");
}

#[test]
fn legal_protobuf_of_any_form_is_read() {
    let mut rng = Rng::with_seed(8);
    let (mut valid, mut irregular) = (0, 0);
    for round in 0..3_000 {
        let signal = SIGNALS[round % 3];
        let odds = [3, 10, 40][round / 3 % 3];
        let request = generate::small(&mut rng, signal);
        let request = mutate::fields(&mut rng, &request, odds);
        valid += usize::from(oracle::check(signal, &request));
        irregular += usize::from(otlp_wire::scan(signal, &request).is_ok_and(|scan| !scan.regular));
    }
    assert!(valid > 2_000, "{valid} are requests");
    assert!(irregular > 500, "{irregular} are not what an encoder writes");
}
