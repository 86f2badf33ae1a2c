//! Executors with one defect each: what the kit has to find.
//!
//! Place: the kit's own test wraps a sound executor in [`Faulty`], once for every entry of
//! [`CATALOGUE`], and demands that the named case holds without the defect and fails with it.

mod alter;
mod executor;
mod output;

pub use executor::{Faulty, Switch};

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "a name says what the defect is, the catalogue what finds it")]
pub enum Fault {
    LosesExitCode,
    FoldsSignals,
    UnfoldsCodes,
    UnknownIsExited,
    StartsTwice,
    StartsEndedAgain,
    StartsOnCreate,
    CreateForgetsEnd,
    FloodsEvents,
    LosesEvents,
    InventsEvents,
    TellsOneListener,
    LeavesChild,
    TruncatesOutput,
    MixesStreams,
    DropsPartialLines,
    EmptiesLog,
    ForgetsAfterRestart,
    ForgetsEnded,
    ListsTwice,
    RemovesRunning,
    RefusesSecondRemoval,
    RefusesStopOfAbsent,
    KillsAtOnce,
    NeverKills,
    CutsGraceShort,
    StopWaits,
    StopsNeighbours,
    SplitsArguments,
    LosesEmptyVariables,
    LeaksVariables,
    IgnoresWorkingDir,
    IgnoresCommand,
    MissingProgramStarts,
    UnknownTaskStarts,
    MissingImageIsTransient,
    ConfusesAttempts,
    ConfusesPods,
    HasNoTimes,
    ChangesItsMind,
    DropsMounts,
    AnswersOddly,
    AcceptsOddNames,
}

/// Every defect and the case that finds it.
pub const CATALOGUE: &[(Fault, &str)] = &[
    (Fault::LosesExitCode, "exit.codes_are_kept"),
    (Fault::FoldsSignals, "exit.signals_are_kept"),
    (Fault::UnfoldsCodes, "exit.a_code_above_128_is_no_signal"),
    (Fault::UnknownIsExited, "recovery.a_silent_backend_is_unreachable_never_an_end"),
    (Fault::StartsTwice, "idempotency.starting_twice_runs_once"),
    (Fault::StartsEndedAgain, "idempotency.an_ended_task_is_not_started_again"),
    (Fault::StartsOnCreate, "lifecycle.a_created_task_does_not_run"),
    (Fault::CreateForgetsEnd, "idempotency.creating_an_ended_task_keeps_its_end"),
    (Fault::FloodsEvents, "events.hints_are_few"),
    (Fault::LosesEvents, "events.an_end_is_hinted"),
    (Fault::InventsEvents, "events.hints_are_about_tasks_that_exist"),
    (Fault::TellsOneListener, "events.everyone_who_listens_is_told"),
    (Fault::LeavesChild, "stop.no_child_is_left"),
    (Fault::TruncatesOutput, "streams.every_line_is_there_and_in_order"),
    (Fault::MixesStreams, "streams.both_are_logged_under_their_names"),
    (Fault::DropsPartialLines, "streams.a_line_without_end_is_partial"),
    (Fault::EmptiesLog, "streams.a_log_is_appended_to"),
    (Fault::ForgetsAfterRestart, "recovery.a_running_task_is_found_and_not_started_again"),
    (Fault::ForgetsEnded, "recovery.an_ended_task_is_found_with_its_code"),
    (Fault::ListsTwice, "recovery.a_list_holds_every_task_once"),
    (Fault::RemovesRunning, "lifecycle.a_running_task_is_not_removed"),
    (Fault::RefusesSecondRemoval, "idempotency.removing_twice"),
    (Fault::RefusesStopOfAbsent, "errors.an_unknown_task_needs_no_stop_and_no_removal"),
    (Fault::KillsAtOnce, "stop.a_graceful_stop_lets_a_task_end_by_itself"),
    (Fault::NeverKills, "stop.a_task_that_ignores_term_is_killed_after_its_grace"),
    (Fault::CutsGraceShort, "stop.grace_is_not_cut_short"),
    (Fault::StopWaits, "stop.a_stop_answers_before_the_task_has_ended"),
    (Fault::StopsNeighbours, "stop.a_neighbour_is_left_alone"),
    (Fault::SplitsArguments, "launch.arguments_arrive_as_they_are"),
    (Fault::LosesEmptyVariables, "launch.variables_arrive_as_they_are"),
    (Fault::LeaksVariables, "launch.nothing_of_the_agents_environment_leaks"),
    (Fault::IgnoresWorkingDir, "launch.a_working_directory_is_entered"),
    (Fault::IgnoresCommand, "launch.a_command_takes_the_place_of_the_entry_point"),
    (Fault::MissingProgramStarts, "errors.a_missing_program_is_a_failed_start"),
    (Fault::UnknownTaskStarts, "errors.an_unknown_task_cannot_be_started"),
    (Fault::MissingImageIsTransient, "errors.a_missing_image_is_an_answer"),
    (Fault::ConfusesAttempts, "lifecycle.attempts_are_apart"),
    (Fault::ConfusesPods, "lifecycle.pods_are_apart"),
    (Fault::HasNoTimes, "lifecycle.a_started_task_runs"),
    (Fault::ChangesItsMind, "lifecycle.observing_repeats_what_start_said"),
    (Fault::DropsMounts, "mounts.one_that_cannot_be_given_is_unsupported"),
    (Fault::AnswersOddly, "exec.when_not_offered_it_is_unsupported"),
    (Fault::AcceptsOddNames, "errors.a_name_with_a_slash_is_refused"),
];
