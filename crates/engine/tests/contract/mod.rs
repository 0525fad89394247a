//! The contract of [`Engine`](bowline_engine::Engine), clause by clause. Every engine passes all of it.
//!
//! A clause is a function whose name is the sentence it checks. [`contract!`] makes a test of each of them;
//! where they are listed is the only place to add one. No clause sleeps: it waits for an event or an answer.

pub(crate) mod builds;
pub(crate) mod containers;
pub(crate) mod objects;
pub(crate) mod output;
pub(crate) mod runs;
pub(crate) mod stage;

/// Makes a test of every clause: `contract!(#[attribute of a test] stage)`, where `stage` is an async function.
#[macro_export]
macro_rules! contract {
    (#[$test:meta] $stage:path) => {
        $crate::contract!(@tests #[$test] $stage, containers:
            an_engine_says_who_it_is_and_what_time_it_is,
            a_created_container_is_listed_by_its_labels_and_found_by_its_name,
            a_listing_shows_only_what_matches_every_label,
            inspect_of_a_gone_container_is_a_typed_not_found,
            an_id_is_never_taken_for_a_name_or_a_part_of_an_id,
            parallel_inspects_keep_the_order_and_leave_out_what_is_gone,
            a_create_whose_name_is_taken_names_the_holder,
            of_many_creates_of_one_name_exactly_one_wins,
            a_create_of_a_missing_image_names_the_image,
            an_inspect_gives_back_what_was_asked_for,
            image_defaults_are_merged_into_what_was_asked_for,
            what_the_api_does_not_have_is_refused_before_anything_is_made,
            newer_fields_are_given_back_where_the_api_has_them_and_refused_elsewhere,
            a_renamed_container_is_found_by_its_new_name_only,
            renaming_to_a_taken_name_names_the_holder,
            a_running_container_is_removed_only_by_force,
            a_removed_container_frees_its_name_and_a_second_removal_is_success,
            a_removal_takes_anonymous_volumes_when_asked_and_never_named_ones,
        );
        $crate::contract!(@tests #[$test] $stage, runs:
            starting_a_running_container_is_success,
            stopping_a_stopped_container_is_success,
            a_container_that_ignores_its_stop_signal_is_killed_after_the_grace,
            a_stopped_container_is_not_restarted_by_its_policy,
            a_container_that_fails_is_restarted_as_often_as_its_policy_says,
            a_restart_begins_a_new_run_of_the_same_container,
            killing_a_stopped_container_is_typed_not_running,
            a_paused_container_is_frozen_until_it_goes_on,
            a_bad_command_fails_the_start_and_leaves_its_reason,
            a_missing_network_fails_the_start_and_leaves_its_reason,
            a_taken_port_is_typed_with_the_port,
            a_port_without_a_number_gets_a_free_one,
            waiting_gives_the_exit_code_whether_it_ended_before_or_after,
            a_healthcheck_turns_healthy_and_says_so,
            a_failing_healthcheck_turns_unhealthy_after_its_retries,
        );
        $crate::contract!(@tests #[$test] $stage, output:
            logs_keep_stdout_and_stderr_apart_and_in_order,
            logs_since_an_entry_begin_with_that_entry,
            logs_can_be_cut_to_the_last_entries_and_to_one_source,
            following_a_log_ends_with_the_container,
            a_terminal_has_one_log,
            a_main_process_is_heard_from_its_start_and_its_input_ends_with_the_session,
            an_exec_keeps_its_output_apart_and_gives_its_code,
            an_exec_keeps_no_more_output_than_asked_for,
            an_exec_in_a_container_that_does_not_run_is_typed_not_running,
            an_exec_of_a_missing_program_ends_with_126_or_127,
            an_exec_that_takes_too_long_is_left_running,
            an_exec_ends_when_its_container_dies,
            what_is_written_to_an_exec_reaches_it_and_its_end_too,
            files_put_into_a_container_that_never_ran_are_read_back,
            a_file_put_into_a_container_is_a_change_to_its_image,
            putting_files_into_a_read_only_container_is_typed,
            a_file_that_is_not_there_is_a_typed_not_found,
            events_since_a_time_include_that_time,
            events_come_in_order_and_only_those_asked_for,
            an_event_of_an_end_has_the_exit_code,
        );
        $crate::contract!(@tests #[$test] $stage, objects:
            a_network_keeps_its_labels_and_options,
            a_taken_network_name_is_a_conflict,
            a_network_is_not_removed_while_a_running_container_is_on_it,
            connecting_twice_and_disconnecting_twice_are_success,
            a_connection_to_a_missing_network_or_container_names_which,
            a_second_volume_create_returns_the_first_object_unchanged,
            a_volume_that_a_container_has_is_not_removed_and_names_it,
            a_gone_volume_is_a_typed_not_found_and_its_removal_success,
            volumes_are_measured,
            an_image_has_an_id_and_a_config,
            a_missing_image_is_a_typed_not_found,
            a_tag_is_one_more_name_and_taking_it_away_leaves_the_image,
            an_image_that_a_container_has_is_not_removed,
            an_imported_image_is_enough_for_a_container_that_never_runs,
            a_pull_of_what_is_not_there_says_why,
        );
        $crate::contract!(@tests #[$test] $stage, builds:
            a_build_tells_its_steps_and_last_the_image_with_its_labels,
            a_build_that_fails_names_the_step_its_code_and_what_it_wrote_and_moves_no_reference,
            the_same_build_gives_the_same_image_and_another_argument_or_file_another_one,
            a_build_moves_its_references_and_leaves_the_image_that_had_them,
            a_build_ends_at_its_target_and_a_target_that_is_not_there_is_an_error,
            a_dockerfile_that_is_not_in_the_context_is_an_error,
            a_base_image_that_cannot_be_had_is_an_error,
            an_archive_that_breaks_off_gives_up_the_build_with_its_own_error,
        );
    };
    (@tests #[$test:meta] $stage:path, $module:ident: $($clause:ident,)*) => {
        mod $module {
            $(
                #[$test]
                async fn $clause() {
                    let stage: $crate::contract::stage::Stage = $stage().await;
                    stage.play($crate::contract::$module::$clause).await;
                }
            )*
        }
    };
}
