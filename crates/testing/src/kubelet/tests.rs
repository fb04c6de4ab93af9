//! Stops that a reader can play by hand, and random ones for the clock.

use super::*;

fn pod(grace: u64, hold: u64, apps: &[App], helpers: &[Helper], sidecars: &[Helper]) -> Pod {
    let (apps, helpers, sidecars) = (apps.to_vec(), helpers.to_vec(), sidecars.to_vec());
    let (propagation, margin) = (hold, 0);
    Pod { grace, hold, propagation, apps, helpers, auxiliaries: Vec::new(), sidecars, margin }
}

fn app(hook: u64, request: u64) -> App {
    App { hook, request, ..App::default() }
}

/// Its hook tells it to stop in the second `at`.
fn stopped_app(hook: u64, at: u64, request: u64) -> App {
    App { stops_at: Some(at), ..app(hook, request) }
}

fn helper(hook: u64, stop: u64) -> Helper {
    Helper { hook, stop, ..Helper::default() }
}

fn stopped_helper(hook: u64, at: u64, stop: u64) -> Helper {
    Helper { stops_at: Some(at), ..helper(hook, stop) }
}

fn exited(told: u64, at: u64) -> Stopped {
    let (told_at, exited_at, killed_at) = (Some(told), Some(at), None);
    Stopped { told_at, exited_at, killed_at }
}

fn killed(told: u64, at: u64) -> Stopped {
    let (told_at, exited_at, killed_at) = (Some(told), None, Some(at));
    Stopped { told_at, exited_at, killed_at }
}

/// A node showed these SIGTERM times and the app's end, each one second later on its clock.
#[test]
fn order_seen_on_a_node() {
    let sidecars = [helper(1, 1), helper(2, 1)];
    let pod = pod(30, 0, &[app(3, 4)], &[helper(0, 1)], &sidecars);
    let end = play(&pod, Early::Leaves);
    assert_eq!(end.helpers, [exited(0, 1)]);
    assert_eq!(end.apps, [exited(3, 7)]);
    assert_eq!(end.sidecars, [exited(8, 9), exited(7, 8)]);
    assert_eq!((end.early, end.orphaned), (vec![Who::Helper(0)], vec![0]));
    assert_eq!(end.cut, []);
}

/// Seen on a node: SIGTERM at 5 s, SIGKILL about 2 s later.
#[test]
fn hook_longer_than_the_grace_is_abandoned() {
    let pod = pod(5, 0, &[app(60, 10)], &[], &[]);
    let end = stop(&pod);
    assert_eq!(end.apps, [killed(5, 7)]);
    assert_eq!(end.cut, [Who::App(0)]);
    assert_eq!(smallest_grace(&pod), 70);
}

#[test]
fn stop_window_may_save_but_does_not_count() {
    let long = pod(30, 0, &[app(35, 1)], &[], &[]);
    let end = stop(&long);
    assert_eq!(end.apps, [exited(30, 31)]);
    assert_eq!(end.cut, [Who::App(0)]);
    assert_eq!(smallest_grace(&long), 36);
    // Nothing to finish after the hook, but the hook itself is cut short.
    let only_hook = pod(30, 0, &[app(35, 0)], &[], &[]);
    let end = stop(&only_hook);
    assert_eq!(end.apps, [exited(30, 30)]);
    assert_eq!(end.cut, [Who::App(0)]);
    assert_eq!(smallest_grace(&only_hook), 35);
    // One second of grace is left at SIGTERM; the window still makes it two.
    let end = stop(&pod(36, 0, &[app(35, 9)], &[], &[]));
    assert_eq!(end.apps, [killed(35, 37)]);
}

#[test]
fn hold_of_ten_and_request_of_fifteen() {
    let just = pod(25, 10, &[app(10, 15)], &[], &[]);
    let end = stop(&just);
    assert_eq!(end.apps, [exited(10, 25)]);
    assert_eq!((end.refused, end.cut), (vec![], vec![]));
    assert_eq!(smallest_grace(&Pod { margin: 5, ..just }), 30);
    let end = stop(&pod(24, 10, &[app(10, 15)], &[], &[]));
    assert_eq!(end.apps, [killed(10, 24)]);
    assert_eq!(end.cut, [Who::App(0)]);
}

#[test]
fn short_hook_owes_the_hold_and_refuses() {
    let short = pod(60, 10, &[app(4, 15)], &[], &[]);
    let end = stop(&short);
    assert_eq!(end.apps, [exited(4, 25)]);
    assert_eq!(end.refused, [0]);
    assert_eq!(smallest_grace(&short), 25);
    let mut waits = pod(60, 10, &[app(0, 15)], &[], &[]);
    waits.apps.iter_mut().for_each(|a| a.waits_by_itself = true);
    let end = stop(&waits);
    assert_eq!(end.apps, [exited(0, 25)]);
    assert!(end.refused.is_empty());
    assert_eq!(smallest_grace(&waits), 25);
}

#[test]
fn only_what_is_certain_to_come_is_refused() {
    let refused = |hook, propagation| {
        let pod = Pod { propagation, ..pod(60, 10, &[app(hook, 15)], &[], &[]) };
        // The whole hold is owed all the same.
        assert_eq!(smallest_grace(&pod), 25);
        stop(&pod).refused
    };
    assert_eq!(refused(4, 5), [0]);
    assert!(refused(5, 5).is_empty() && refused(0, 0).is_empty());
}

/// Waits 5 s, tells its app to quit, and would wait 20 s more.
#[test]
fn hook_that_stops_its_app_ends_with_it() {
    let idle = pod(30, 0, &[stopped_app(25, 5, 3)], &[], &[]);
    assert_eq!(stop(&idle).apps, [exited(5, 8)]);
    assert_eq!(smallest_grace(&idle), 8);
    // What it still waits for is no wait: the app has the rest of the hold to serve, and its last request.
    let serving = pod(30, 10, &[stopped_app(25, 5, 12)], &[], &[]);
    let end = stop(&serving);
    assert_eq!(end.apps, [exited(5, 22)]);
    assert_eq!((end.refused, end.cut), (vec![0], vec![]));
    assert_eq!(smallest_grace(&serving), 22);
    // A hook without an end has one where the process has.
    assert_eq!(smallest_grace(&pod(30, 10, &[stopped_app(u64::MAX, 10, 12)], &[], &[])), 22);
}

#[test]
fn sigterm_after_a_stop_changes_nothing() {
    let long = pod(60, 10, &[stopped_app(15, 10, 30)], &[], &[]);
    let end = stop(&long);
    assert_eq!(end.apps, [exited(10, 40)]);
    assert_eq!((end.refused, end.cut), (vec![], vec![]));
    assert_eq!(smallest_grace(&long), 40);
    // It comes with the stop where nothing follows that.
    assert_eq!(stop(&pod(60, 10, &[stopped_app(10, 10, 30)], &[], &[])).apps, [exited(10, 40)]);
}

#[test]
fn grace_that_ends_in_a_stopping_hook_cuts() {
    // At the end of the grace the app still works, and the hook still waits: SIGTERM, and 2 s.
    let end = stop(&pod(20, 0, &[stopped_app(60, 5, 16)], &[], &[]));
    assert_eq!(end.apps, [exited(5, 21)]);
    assert_eq!(end.cut, [Who::App(0)]);
    let end = stop(&pod(20, 0, &[stopped_app(60, 5, 40)], &[], &[]));
    assert_eq!(end.apps, [killed(5, 22)]);
    // Gone with the last second of the grace, and its hook with it.
    let end = stop(&pod(20, 0, &[stopped_app(60, 5, 15)], &[], &[]));
    assert_eq!((end.apps, end.cut), (vec![exited(5, 20)], vec![]));
    // It never comes to the stop.
    let end = stop(&pod(4, 0, &[stopped_app(60, 5, 1)], &[], &[]));
    assert_eq!((end.apps, end.cut), (vec![exited(4, 5)], vec![Who::App(0)]));
}

#[test]
fn declared_hook_keeps_what_it_stops() {
    let app = App { outlasts_hook: true, ..stopped_app(20, 5, 3) };
    let with = |app: &App, hold| pod(60, hold, std::slice::from_ref(app), &[], &[]);
    assert_eq!((stop(&with(&app, 0)).apps, smallest_grace(&with(&app, 0))), (vec![exited(5, 20)], 20));
    assert_eq!((stop(&with(&app, 19)).apps, smallest_grace(&with(&app, 19))), (vec![exited(5, 22)], 22));
    let helper = Helper { outlasts_hook: true, ..stopped_helper(20, 12, 3) };
    let pod = pod(60, 0, &[self::app(0, 10)], &[helper], &[]);
    assert_eq!((stop(&pod).helpers, smallest_grace(&pod)), (vec![exited(12, 23)], 23));
    assert!(stop(&pod).early.is_empty());
}

#[test]
fn helper_that_its_hook_stops_is_early() {
    let pod = pod(60, 10, &[app(10, 10)], &[stopped_helper(40, 12, 3)], &[stopped_helper(40, 15, 4)]);
    let end = stop(&pod);
    assert_eq!((end.helpers, end.sidecars), (vec![exited(12, 23)], vec![exited(15, 27)]));
    assert_eq!((end.early, end.orphaned), (vec![Who::Helper(0), Who::Sidecar(0)], vec![0]));
    assert_eq!(smallest_grace(&pod), 27);
    let worst = play(&pod, Early::Leaves);
    assert_eq!((worst.helpers, worst.sidecars), (vec![exited(12, 15)], vec![exited(15, 19)]));
}

#[test]
fn sidecar_that_its_hook_stops_late_is_in_time() {
    // Its turn comes at 20, its stop at 30; the rest of its hook is over with it.
    let pod = pod(60, 10, &[app(10, 10)], &[], &[stopped_helper(90, 30, 4)]);
    let end = stop(&pod);
    assert_eq!(end.sidecars, [exited(30, 34)]);
    assert_eq!((end.early, end.orphaned, end.cut), (vec![], vec![], vec![]));
    assert_eq!(smallest_grace(&pod), 34);
}

#[test]
fn helpers_stay_for_the_slowest_app() {
    let helpers = [helper(31, 2), helper(12, 3)];
    let pod = pod(60, 10, &[app(10, 5), app(10, 20)], &helpers, &[]);
    let end = stop(&pod);
    assert_eq!(end.apps, [exited(10, 15), exited(10, 30)]);
    assert_eq!(end.helpers, [exited(31, 33), exited(12, 33)]);
    // If it leaves, the second is gone at 15: in time for the first app, not for the other.
    assert_eq!((end.early, end.orphaned), (vec![Who::Helper(1)], vec![1]));
    assert_eq!(smallest_grace(&pod), 33);
    let worst = play(&pod, Early::Leaves);
    assert_eq!(worst.helpers, [exited(31, 33), exited(12, 15)]);
}

#[test]
fn helper_that_accepts_leaves_later() {
    let serving = |accepts| pod(60, 10, &[app(10, 15)], &[Helper { accepts, ..helper(4, 2) }], &[]);
    // Told at 4, needed until 25: 21 s more are enough. With 18 it leaves at 22, and is gone at 24.
    let end = stop(&serving(21));
    assert_eq!((end.helpers, end.early, end.orphaned), (vec![exited(4, 27)], vec![], vec![]));
    assert_eq!(play(&serving(21), Early::Leaves).helpers, [exited(4, 27)]);
    let end = stop(&serving(18));
    assert_eq!((end.early, end.orphaned), (vec![Who::Helper(0)], vec![0]));
    assert_eq!(play(&serving(18), Early::Leaves).helpers, [exited(4, 24)]);
    // It takes no longer than somebody needs it.
    assert_eq!((smallest_grace(&serving(0)), smallest_grace(&serving(50))), (27, 27));
}

#[test]
fn sidecars_stop_one_by_one_the_last_first() {
    let sidecars = [helper(0, 4), helper(20, 3), helper(0, 2)];
    let ample = pod(60, 0, &[app(0, 5)], &[], &sidecars);
    // The middle one's own hook outlasts its turn, and the first waits for it.
    let all_exit = [exited(23, 27), exited(20, 23), exited(5, 7)];
    assert_eq!(stop(&ample).sidecars, all_exit);
    assert_eq!(smallest_grace(&ample), 27);
    let end = stop(&Pod { grace: 26, ..ample });
    let first_killed = [killed(23, 26), exited(20, 23), exited(5, 7)];
    assert_eq!(end.sidecars, first_killed);
    assert_eq!(end.cut, [Who::Sidecar(0)]);
}

#[test]
fn used_up_grace_skips_the_order() {
    let sidecars = [helper(0, 1), helper(0, 2), helper(0, 5)];
    let pod = pod(12, 0, &[app(40, 9)], &[helper(0, 3)], &sidecars);
    let end = stop(&pod);
    assert_eq!(end.apps, [killed(12, 14)]);
    assert_eq!(end.helpers, [killed(0, 12)]);
    let at_once = [exited(12, 13), exited(12, 14), killed(12, 14)];
    assert_eq!(end.sidecars, at_once);
    assert_eq!(end.cut.len(), 5);
    assert_eq!(end.orphaned, [0]);
    assert_eq!(smallest_grace(&pod), 40 + 9 + 3 + 5 + 2 + 1);
}

#[test]
fn app_that_accepts_on_closes_later() {
    let with = |hook, accepts| pod(60, 10, &[App { accepts, ..app(hook, 15) }], &[], &[]);
    // To the second until the hold is over, as a hook of 10 would.
    let end = stop(&with(0, 10));
    assert_eq!((end.apps, end.refused), (vec![exited(0, 25)], vec![]));
    assert_eq!(stop(&with(6, 4)).apps, [exited(6, 25)]);
    // Closed at 9, it refuses, and owes the rest all the same; closed at 20, it was sent work until then.
    let end = stop(&with(6, 3));
    assert_eq!((end.apps, end.refused), (vec![exited(6, 25)], vec![0]));
    assert_eq!((stop(&with(0, 20)).apps, smallest_grace(&with(0, 20))), (vec![exited(0, 35)], 35));
    // A hook that stops it says nothing against that.
    let stopped = pod(60, 10, &[App { accepts: 6, ..stopped_app(30, 4, 15) }], &[], &[]);
    assert_eq!((stop(&stopped).apps, stop(&stopped).refused), (vec![exited(4, 25)], vec![]));
}

#[test]
fn limit_ends_what_runs_longer() {
    let with = |limit| pod(60, 10, &[App { limit, ..app(10, 15) }], &[], &[]);
    for enough in [None, Some(15), Some(40)] {
        assert_eq!(
            (stop(&with(enough)).timed_out, play(&with(enough), Early::Leaves).apps),
            (vec![], vec![exited(10, 25)])
        );
    }
    // In the best case nothing takes so long; the grace is for what may.
    let end = stop(&with(Some(5)));
    assert_eq!((end.timed_out, end.apps, end.cut), (vec![0], vec![exited(10, 25)], vec![]));
    assert_eq!(play(&with(Some(5)), Early::Leaves).apps, [exited(10, 15)]);
    assert_eq!(smallest_grace(&with(Some(5))), 25);
}

#[test]
fn app_that_cuts_ends_with_its_hook() {
    let cutting = |app: App| App { cuts: true, ..app };
    let with = |hold, app: App| pod(60, hold, &[cutting(app)], &[], &[]);
    let lost = |pod: &Pod| (stop(pod).lost_late, stop(pod).lost_in_flight);
    // The request of second 10 is through at 25: the hook is the wait for it, and nothing comes later.
    let just = with(10, app(25, 15));
    assert_eq!((lost(&just), play(&just, Early::Leaves).apps), ((vec![], vec![]), vec![exited(25, 25)]));
    assert_eq!((stop(&with(10, app(40, 15))).apps, smallest_grace(&with(10, app(40, 15)))), (vec![exited(40, 40)], 40));
    // A second less, and it is lost; what came at the deletion is through at 15.
    let short = with(10, app(24, 15));
    assert_eq!((lost(&short), play(&short, Early::Leaves).apps), ((vec![0], vec![]), vec![exited(24, 24)]));
    // The grace for it is owed all the same.
    assert_eq!((stop(&short).apps, smallest_grace(&short)), (vec![exited(24, 25)], 25));
    assert_eq!(lost(&with(10, app(14, 15))), (vec![0], vec![0]));
    assert_eq!(lost(&with(10, app(15, 15))), (vec![0], vec![]));
    // Nobody is there for the last moment, though no request takes any time.
    assert_eq!((lost(&with(10, app(9, 0))), lost(&with(10, app(10, 0)))), ((vec![0], vec![]), (vec![], vec![])));
    // Nobody sends anything.
    assert_eq!((lost(&with(0, app(3, 15))), smallest_grace(&with(0, app(3, 15)))), ((vec![], vec![0]), 15));
    // What it accepts on is no wait.
    let end = stop(&with(10, App { accepts: 30, ..app(5, 15) }));
    assert_eq!((end.refused, end.lost_late, end.apps), (vec![], vec![0], vec![exited(5, 25)]));
}

#[test]
fn hook_may_stop_gracefully_what_cuts() {
    let with = |stops_gracefully, grace| {
        let app = App { cuts: true, stops_gracefully, ..stopped_app(60, 10, 15) };
        pod(grace, 10, &[app], &[], &[])
    };
    let end = stop(&with(true, 60));
    assert_eq!((end.apps, end.lost_late, end.lost_in_flight), (vec![exited(10, 25)], vec![], vec![]));
    let end = play(&with(false, 60), Early::Leaves);
    assert_eq!((end.apps, end.lost_late, end.lost_in_flight), (vec![exited(10, 10)], vec![0], vec![0]));
    assert_eq!((smallest_grace(&with(true, 0)), smallest_grace(&with(false, 0))), (25, 25));
    // The grace is over before the stop: SIGTERM cuts.
    assert_eq!(stop(&with(true, 9)).lost_late, [0]);
}

#[test]
fn helper_that_accepts_is_not_early() {
    let with = |hook, accepts| pod(60, 10, &[app(10, 10)], &[Helper { accepts, ..helper(hook, 3) }], &[]);
    for (hook, accepts, early) in [(0, 20, false), (0, 19, true), (12, 8, false), (12, 7, true), (20, 0, false)] {
        let end = stop(&with(hook, accepts));
        assert_eq!(!end.early.is_empty(), early, "{hook} {accepts}");
        assert_eq!(end.orphaned.is_empty(), hook + accepts + 3 >= 20, "{hook} {accepts}");
        // Nobody needs what is left of it.
        assert_eq!((end.helpers, smallest_grace(&with(hook, accepts))), (vec![exited(hook, 23)], 23));
    }
    assert_eq!(play(&with(5, 30), Early::Leaves).helpers, [exited(5, 38)]);
}

#[test]
fn nothing_to_do_needs_no_grace() {
    let pod = pod(0, 0, &[app(0, 0)], &[], &[helper(0, 0)]);
    assert_eq!(stop(&pod).apps, [exited(0, 0)]);
    assert_eq!(stop(&pod).cut, []);
    assert_eq!(smallest_grace(&Pod { margin: 3, ..pod }), 3);
}

#[test]
fn jumping_is_ticking_and_more_grace_never_cuts_more() {
    let mut seed = 20_u64;
    let mut below = |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % bound
    };
    for _ in 0..300 {
        let mut some = |most| -> Vec<Helper> {
            let count = below(most);
            let one = |_| {
                let stops_at = Some(below(20)).filter(|at| *at < 12);
                let accepts = below(9).saturating_sub(4);
                Helper { stops_at, outlasts_hook: below(4) == 0, accepts, ..helper(below(12), below(5)) }
            };
            (0..count).map(one).collect()
        };
        let (given, helpers, sidecars) = (some(3), some(3), some(4));
        let mut apps = vec![app(3, 8)];
        apps.extend(given.into_iter().map(|Helper { hook, stops_at, outlasts_hook, stop, accepts }| {
            let (cuts, stops_gracefully) = (below(3) == 0, below(2) == 0);
            let limit = Some(below(8)).filter(|limit| *limit < 4);
            App { stops_at, outlasts_hook, accepts, cuts, stops_gracefully, limit, ..app(hook, stop) }
        }));
        let pod = pod(0, below(12), &apps, &helpers, &sidecars);
        let enough = smallest_grace(&pod);
        for grace in 0..enough + 5 {
            let run = |early, clock| Shutdown::new(&pod, grace, early).run(clock);
            let best = run(Early::Drains, Clock::Jumps);
            assert_eq!(best.cut.is_empty(), grace >= enough, "{grace} {pod:?}");
            assert_eq!(best, run(Early::Drains, Clock::Ticks), "{grace} {pod:?}");
            let worst = run(Early::Leaves, Clock::Jumps);
            assert_eq!(worst, run(Early::Leaves, Clock::Ticks), "{grace} {pod:?}");
        }
    }
}
