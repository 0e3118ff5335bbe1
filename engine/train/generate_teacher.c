/* generate_teacher.c - which of the teacher's functions serve the same request.
 *
 * Functions of different categories are each other's distractors in a catalogue, which is wrong
 * where both could answer: the table of clashes below keeps such pairs apart, and two short lists
 * tell which functions a home's tools or the escalation list may meet. Who adds a category adds its
 * rows here; engine/data/teacher/README.md tells more of the traps. */
#include <stdlib.h>
#include <string.h>

#include "generate_internal.h"

/* Pairs that may serve one request. Entries are "category" or "category/function"; what is composed
 * from the lexicon has the category "lexicon_CLASS", without its number. The second may name several,
 * with blanks between. */
static const char *const clashes[][2] = {
    {"gloss_arts_music",
     "orchestra_office podcast_studio film_set quiz_karaoke media assistant_sound "
     "theatre_box_office newspaper_desk pawn_auction audio_books_radio gym_trainer "
     "city_council_reports gloss_sound_picture gloss_mind_teaching gloss_events_people "
     "gloss_workshop gloss_office_work gloss_sport_training gloss_printing_packaging "
     "gloss_body_care gloss_public_services"},
    {"gloss_property",
     "estate_agency moving_storage law_office hotel_desk city_council_reports home_living "
     "assistant_house bank_account finance_payments insurance_claims lost_property "
     "pest_control water_works gloss_building_site gloss_law_order gloss_money "
     "gloss_public_services gloss_energy_water gloss_customer_desk gloss_office_work "
     "gloss_events_people gloss_hospitality gloss_workshop gloss_social_talk gloss_vehicles_yard"},
    {"gloss_beauty_fashion",
     "barber_tattoo tailor_shop film_set wedding_planner pharmacy_counter takeaway_shopping "
     "gloss_body_care gloss_textile_cleaning gloss_shop_stock gloss_sound_picture "
     "gloss_customer_desk gloss_animals gloss_social_talk gloss_events_people gloss_hospitality "
     "gloss_workshop social_recommend"},
    {"gloss_lookups",
     "news_facts weather_time_search assistant_knows assistant_out assistant_sound "
     "assistant_agenda alarms_datetime food_recipes kitchen_help travel_help travel_booking "
     "finance_payments bank_account credit_cards navigation transport social_recommend "
     "health_fitness gym_trainer car_drive car_cabin media audio_books_radio work_hr "
     "assistant_meta quiz_karaoke calendar football_club tennis_club phone_messaging "
     "garden_energy_pets ferry_port restaurant_floor lexicon_food lexicon_trip lexicon_account "
     "gloss_money gloss_mind_teaching gloss_office_work gloss_body_care gloss_sport_training "
     "gloss_kitchen_craft gloss_public_services gloss_social_talk gloss_games_play "
     "gloss_hospitality gloss_at_sea gloss_science_lab"},
    {"gloss_shop_stock",
     "warehouse_logistics pawn_auction second_hand_bookseller takeaway_shopping pharmacy_counter "
     "florist_shop tailor_shop print_shop gloss_printing_packaging gloss_money gloss_office_work "
     "lists_notes list_memory assistant_agenda lost_property finance_payments"},
    {"gloss_games_play",
     "quiz_karaoke football_club tennis_club gloss_social_talk gloss_events_people "
     "gloss_mind_teaching timers_alarms alarms_datetime nursery_childcare gloss_workshop"},
    {"gloss_software_data",
     "data_centre_ops version_control spreadsheet_grid gloss_office_work gloss_science_lab "
     "lab_bench town_archive gloss_machines device_settings"},
    {"gloss_hospitality",
     "hotel_desk restaurant_floor gloss_customer_desk gloss_kitchen_craft gloss_textile_cleaning "
     "gloss_events_people gloss_social_talk gloss_money gloss_body_care takeaway_shopping "
     "travel_booking travel_help taxi_dispatch car_rental transport wedding_planner lost_property "
     "swimming_pool food_recipes kitchen_help elderly_care tailor_shop hospital_ward"},
    {"gloss_sport_training", "news_facts/league_table football_club tennis_club gym_trainer "
                             "health_fitness swimming_pool gloss_body_care "
                             "gloss_games_play gloss_school_learning gloss_events_people"},
    {"gloss_computing", "bank_account/account_freeze data_centre_ops version_control "
                        "email_contacts device_settings print_shop photo_gallery "
                        "gloss_software_data gloss_office_work gloss_machines phone_messaging"},
    {"gloss_sound_picture",
     "podcast_studio film_set media photo_gallery audio_books_radio quiz_karaoke print_shop "
     "assistant_sound orchestra_office spreadsheet_grid gloss_printing_packaging "
     "gloss_office_work"},
    {"gloss_science_lab",
     "lab_bench vineyard_harvest gloss_chemistry_process gloss_kitchen_craft gloss_machines "
     "gloss_workshop gloss_body_care hospital_ward"},
    {"gloss_animals",
     "zoo_keepers vet_clinic horse_stable garden_energy_pets pest_control lost_property "
     "gloss_agriculture gloss_household gloss_body_care"},
    {"gloss_emergency",
     "fire_station police_dispatch hospital_ward water_works openings_security "
     "elderly_care/eld_family data_centre_ops swimming_pool gloss_public_services "
     "gloss_body_care gloss_weather_nature gloss_energy_water gloss_animals"},
    {"gloss_aviation",
     "airport_ramp airline_check_in gloss_emergency gloss_at_sea gloss_vehicles_yard "
     "gloss_machines gloss_weather_nature gloss_travel gloss_transport pest_control "
     "travel_booking weather_time_search signal_box freight_railway taxi_dispatch ferry_port"},
    {"gloss_at_sea",
     "ferry_port gloss_emergency gloss_machines gloss_energy_water gloss_textile_cleaning "
     "gloss_vehicles_yard gloss_workshop gloss_body_care gloss_travel gloss_transport "
     "hospital_ward water_works navigation moving_storage car_drive"},
    {"gloss_mining_tunnel",
     "gloss_building_site gloss_emergency gloss_machines gloss_energy_water gloss_workshop "
     "gloss_vehicles_yard gloss_chemistry_process gloss_science_lab gloss_at_sea gloss_aviation "
     "water_works fire_station freight_railway lab_bench"},
    {"gloss_customer_desk",
     "credit_cards repair_garage tailor_shop hotel_desk pawn_auction insurance_claims car_rental "
     "takeaway_shopping pharmacy_counter florist_shop print_shop bank_account finance_payments "
     "warehouse_logistics lost_property phone_messaging email_contacts gloss_money "
     "gloss_shop_stock "
     "gloss_public_services gloss_office_work gloss_events_people gloss_printing_packaging"},
    {"assistant_agenda",
     "calendar timers_alarms alarms_datetime lists_notes list_memory "
     "food_recipes/shopping_list food_recipes/pantry_update "
     "health_fitness/med_reminder health_fitness/bedtime_set work_hr takeaway_shopping "
     "assistant_meta/cancel_request hotel_desk/hotel_wake lexicon_food "
     "car_care/service_book"},
    {"assistant_agenda/wake_set", "assistant_agenda/plan_add"},
    {"assistant_house/plug_on", "assistant_house/coffee assistant_house/hoover"},
    {"assistant_house/plug_dead", "assistant_house/dark"},
    {"assistant_sound/tunes", "assistant_sound/playing"},
    {"assistant_people",
     "email_contacts phone_messaging social_recommend calendar/birthday_add "
     "work_hr/colleague_phone photo_gallery lexicon_message lexicon_person news_facts "
     "device_settings/app_open navigation/find_poi"},
    {"assistant_house",
     "lighting climate appliances media car_cabin studio_printers_robots "
     "audio_books_radio device_settings assistant_meta garden_energy_pets kitchen_help "
     "phone_messaging/do_not_disturb"},
    {"assistant_sound",
     "media audio_books_radio quiz_karaoke lexicon_media social_recommend "
     "device_settings/app_open news_facts/ask_fact weather_time_search/web_search "
     "phone_messaging/call_control"},
    {"assistant_out", "transport travel_booking travel_help navigation takeaway_shopping "
                      "social_recommend food_recipes kitchen_help taxi_dispatch lexicon_food "
                      "lexicon_trip restaurant_floor/floor_order weather_time_search/web_search "
                      "news_facts/ask_fact car_drive assistant_agenda/plan_ask"},
    {"assistant_knows",
     "news_facts weather_time_search alarms_datetime travel_help "
     "finance_payments/currency_convert assistant_meta food_recipes/unit_convert "
     "kitchen_help social_recommend/trivia_quiz calendar work_hr/next_holiday "
     "audio_books_radio media/play_radio credit_cards/foreign_fee climate "
     "device_settings/app_open assistant_agenda/plan_ask assistant_sound/what_song "
     "garden_energy_pets/weather_station"},
    {"city_council_reports/road_defect", "taxi_dispatch/road_warn"},
    {"city_council_reports/noise", "police_dispatch/pol_open"},
    {"city_council_reports/fly_tip", "police_dispatch/pol_open"},
    {"city_council_reports/car_abandoned", "police_dispatch/pol_open police_dispatch/pol_plate"},
    {"city_council_reports/case_follow", "insurance_claims lexicon_case"},
    {"city_council_reports/dead_animal", "zoo_keepers"},
    {"tennis_club/lesson", "gym_trainer/session_book barber_tattoo/slot_book"},
    {"gym_trainer/session_book", "barber_tattoo/slot_book vet_clinic/appointment_make "
                                 "tailor_shop/fitting_book pest_control/visit_book calendar"},
    {"gym_trainer/session_move", "calendar/event_move barber_tattoo/running_late"},
    {"gym_trainer/weigh_in", "health_fitness/weight_log vet_clinic/weigh_record"},
    {"gym_trainer/cardio_log", "health_fitness"},
    {"gym_trainer/tape", "tailor_shop/measure_note"},
    {"gym_trainer/injury", "elderly_care vet_clinic/history_note"},
    {"gym_trainer/diet", "elderly_care/eld_diet"},
    {"pest_control/visit_book", "repair_garage/job_open calendar"},
    {"pest_control/quote", "repair_garage/quote_make second_hand_bookseller/price_set "
                           "print_shop/price_job tailor_shop/price_alter"},
    {"pest_control/survey", "pest_control/pest_report"},
    {"freight_railway/train_where", "signal_box/train_where"},
    {"freight_railway/slow_order", "signal_box/speed_limit"},
    {"freight_railway/depart", "signal_box transport/departures"},
    {"freight_railway/delay", "signal_box transport/transit_status assistant_out/transit"},
    {"second_hand_bookseller/stock_in", "pawn_auction"},
    {"second_hand_bookseller/price_set",
     "pawn_auction/reserve_set florist_shop/price_mark estate_agency/est_price"},
    {"second_hand_bookseller/sale", "pawn_auction/hammer"},
    {"second_hand_bookseller/shelve", "warehouse_logistics/ware_put"},
    {"second_hand_bookseller/stock_ask", "warehouse_logistics"},
    {"second_hand_bookseller/post", "warehouse_logistics/ware_ship"},
    {"second_hand_bookseller", "lexicon_media"},
    {"restaurant_floor/floor_book", "food_recipes/table_book"},
    {"restaurant_floor/floor_book", "travel_booking/reserve_table"},
    {"restaurant_floor/floor_order", "takeaway_shopping/takeaway_order"},
    {"school_office/school_absent", "work_hr/sick_report"},
    {"elderly_care/eld_drink", "health_fitness/water_log"},
    {"elderly_care/eld_mood", "health_fitness/mood_log"},
    {"elderly_care/eld_family", "phone_messaging"},
    {"school_office/school_parents", "phone_messaging"},
    {"pharmacy_counter/pharm_doctor", "phone_messaging"},
    {"pharmacy_counter/pharm_stock", "warehouse_logistics/ware_count"},
    {"police_dispatch/pol_send", "fire_station/truck_dispatch"},
    {"police_dispatch/pol_send", "taxi_dispatch/car_send"},
    {"police_dispatch/pol_send", "taxi_dispatch/area_send"},
    {"police_dispatch/pol_where", "taxi_dispatch/car_where"},
    {"police_dispatch/pol_block", "taxi_dispatch/road_warn"},
    {"hotel_desk/hotel_wake", "timers_alarms"},
    {"hotel_desk/hotel_wake", "alarms_datetime"},
    {"warehouse_logistics/ware_shift", "school_office/school_cover"},
    {"insurance_claims/clm_pay", "finance_payments"},
    {"insurance_claims/clm_pay", "bank_account/move_money"},
    {"insurance_claims/clm_docs", "law_office/doc_ask"},
    {"insurance_claims/clm_open", "police_dispatch/pol_open"},
    {"gloss_money",
     "bank_account credit_cards finance_payments insurance_claims law_office work_hr pawn_auction "
     "lexicon_account gloss_law_order gloss_office_work gloss_public_services gloss_shop_stock"},
    {"gloss_body_care",
     "hospital_ward elderly_care health_fitness vet_clinic pharmacy_counter gym_trainer "
     "barber_tattoo gloss_mind_teaching gloss_public_services gloss_animals gloss_sport_games"},
    {"gloss_mind_teaching",
     "school_office health_fitness gym_trainer news_facts assistant_knows social_recommend "
     "timers_alarms assistant_meta gloss_office_work gloss_social_talk gloss_events_people"},
    {"gloss_law_order",
     "law_office police_dispatch insurance_claims city_council_reports estate_agency "
     "election_office "
     "newspaper_desk gloss_public_services gloss_office_work gloss_customer_desk gloss_emergency"},
    {"gloss_office_work",
     "work_hr law_office calendar print_shop newspaper_desk studio_printers_robots "
     "spreadsheet_grid "
     "version_control job_hunt email_contacts assistant_agenda lexicon_message "
     "gloss_events_people gloss_social_talk"},
    {"gloss_public_services",
     "city_council_reports recycling_depot courier_bike warehouse_logistics election_office "
     "funeral_home wedding_planner estate_agency school_office fire_station pest_control "
     "insurance_claims work_hr gloss_transport gloss_travel gloss_weather_nature gloss_animals"},
    {"gloss_events_people",
     "wedding_planner orchestra_office football_club airport_ramp ferry_port hotel_desk "
     "restaurant_floor taxi_dispatch quiz_karaoke swimming_pool police_dispatch social_recommend "
     "phone_messaging email_contacts transport lost_property gloss_social_talk gloss_travel "
     "gloss_transport"},
    {"gloss_social_talk",
     "phone_messaging email_contacts social_recommend photo_gallery assistant_people calendar "
     "podcast_studio newspaper_desk lexicon_message lexicon_person lexicon_media "
     "gloss_sound_picture device_settings"},
    {"gloss_textile_cleaning", "tailor_shop appliances home_living kitchen_help assistant_house "
                               "moving_storage gloss_home gloss_body_care"},
    {"gloss_vehicles_yard",
     "warehouse_logistics car_care car_rental repair_garage moving_storage "
     "freight_railway courier_bike taxi_dispatch ferry_port car_drive "
     "recycling_depot airport_ramp gloss_printing_packaging gloss_building_site "
     "gloss_transport gloss_travel"},
    {"gloss_building_site",
     "estate_agency fire_station gloss_home recycling_depot gloss_energy_water "
     "water_works gloss_office_work gloss_emergency"},
    {"gloss_energy_water", "water_works wind_farm garden_energy_pets city_council_reports car_care "
                           "data_centre_ops gloss_home gloss_public_services gloss_weather_nature"},
    {"gloss_printing_packaging",
     "print_shop warehouse_logistics studio_printers_robots newspaper_desk courier_bike "
     "moving_storage "
     "pawn_auction election_office gloss_workshop gloss_shop_stock gloss_office_work"},
    {"gloss_kitchen_craft", "kitchen_help food_recipes appliances restaurant_floor assistant_house "
                            "lexicon_food gloss_chemistry_process gloss_home gloss_agriculture"},
    {"gloss_workshop",
     "repair_garage studio_printers_robots lab_bench car_care tailor_shop film_set "
     "gloss_machines gloss_building_site gloss_vehicles_yard gloss_textile_cleaning"},
    {"gloss_machines",
     "repair_garage car_care car_drive wind_farm water_works lab_bench data_centre_ops "
     "freight_railway gloss_chemistry_process gloss_vehicles_yard gloss_energy_water "
     "gloss_building_site gloss_emergency"},
    {"gloss_chemistry_process", "water_works lab_bench swimming_pool vineyard_harvest fire_station "
                                "gloss_energy_water gloss_science_lab gloss_emergency"},
    {"gloss_agriculture",
     "vineyard_harvest greenhouse_nursery garden_energy_pets horse_stable vet_clinic zoo_keepers "
     "pest_control gloss_animals gloss_weather_nature gloss_energy_water gloss_building_site"},
    {"hospital_ward/ward_drug", "vet_clinic/dose_give"},
    {"hospital_ward/ward_drug", "health_fitness/med_taken"},
    {"hospital_ward/ward_drug", "pharmacy_counter/pharm_dispense"},
    {"hospital_ward/ward_obs", "health_fitness/vitals_log"},
    {"hospital_ward/ward_obs", "health_fitness/heart_rate"},
    {"hospital_ward/ward_move", "vet_clinic/cage_assign"},
    {"hospital_ward/ward_bleep", "pharmacy_counter/pharm_doctor"},
    {"hospital_ward/ward_bleep", "phone_messaging"},
    {"hospital_ward/ward_test", "vet_clinic/lab_request"},
    {"hospital_ward/ward_fluid", "elderly_care/eld_drink"},
    {"hospital_ward/ward_fluid", "health_fitness/water_log"},
    {"hospital_ward/ward_diet", "elderly_care/eld_diet"},
    {"hospital_ward/ward_interval", "elderly_care/eld_check"},
    {"hospital_ward/ward_leave", "vet_clinic/cage_discharge"},
    {"hospital_ward", "lexicon_person"},
    {"data_centre_ops/dc_ticket", "version_control/issue_open"},
    {"data_centre_ops", "lexicon_app"},
    {"data_centre_ops", "lexicon_device"},
    {"newspaper_desk/desk_assign", "version_control/issue_assign"},
    {"newspaper_desk", "lexicon_document"},
    {"orchestra_office/orch_rehearse", "calendar"},
    {"orchestra_office/orch_tour", "travel_booking"},
    {"orchestra_office/orch_tour", "lexicon_trip"},
    {"car_rental/rent_reserve", "travel_booking/rent_car"},
    {"car_rental/rent_reserve", "travel_help/car_hire"},
    {"car_rental/rent_damage", "moving_storage/damage_log"},
    {"car_rental", "lexicon_vehicle"},
    {"swimming_pool/pool_heat", "garden_energy_pets/pool_heat"},
    {"swimming_pool/pool_dose", "water_works/dose_chem"},
    {"swimming_pool/pool_ph", "water_works/sample_read"},
    {"hospital_ward/ward_fluid", "nursery_childcare/nur_bottle"},
    {"hospital_ward/ward_obs", "nursery_childcare/nur_ill"},
    {"hospital_ward/ward_move", "theatre_box_office/box_seat"},
    {"hospital_ward/ward_falls", "elderly_care/eld_fall"},
    {"wind_farm/wind_crew",
     "water_works/gang_send recycling_depot/rcy_crew police_dispatch/pol_send"},
    {"wind_farm/wind_yield", "garden_energy_pets/solar_yield"},
    {"wind_farm/wind_part", "repair_garage/part_order lab_bench/lab_order"},
    {"wind_farm", "lexicon_device"},
    {"courier_bike/cour_new",
     "pharmacy_counter/pharm_deliver warehouse_logistics/ware_ship florist_shop/delivery_book"},
    {"courier_bike/cour_assign", "taxi_dispatch/car_send"},
    {"courier_bike/cour_eta", "taxi_dispatch/eta_tell"},
    {"courier_bike/cour_zone", "taxi_dispatch/area_send"},
    {"courier_bike/cour_break", "taxi_dispatch/driver_break"},
    {"courier_bike/cour_price", "taxi_dispatch/fare_quote"},
    {"courier_bike", "lexicon_order lexicon_vehicle"},
    {"theatre_box_office/box_sell",
     "travel_booking/event_tickets social_recommend/ticket_event_buy assistant_out/venue"},
    {"theatre_box_office/box_seat", "airline_check_in/chk_seat wedding_planner/wed_seat"},
    {"theatre_box_office/box_left", "hotel_desk/hotel_occupancy"},
    {"theatre_box_office", "lexicon_event"},
    {"nursery_childcare/nur_ill", "school_office/school_absent"},
    {"nursery_childcare/nur_meal", "health_fitness/meal_log"},
    {"nursery_childcare/nur_bottle", "elderly_care/eld_drink"},
    {"nursery_childcare/nur_allergy", "wedding_planner/wed_diet pharmacy_counter/pharm_allergy"},
    {"nursery_childcare/nur_staff", "school_office/school_cover zoo_keepers/keeper_put"},
    {"nursery_childcare", "lexicon_person"},
    {"town_archive/arc_copy", "studio_printers_robots"},
    {"town_archive/arc_scan", "studio_printers_robots"},
    {"town_archive/arc_where", "lost_property/lost_search"},
    {"town_archive", "lexicon_document"},
    {"airline_check_in/chk_in",
     "travel_help/flight_checkin ferry_port/fer_checkin hotel_desk/hotel_checkin"},
    {"airline_check_in/chk_gate", "airport_ramp/gate_change airport_ramp/stand_set"},
    {"airline_check_in/chk_delay", "airport_ramp/delay_code ferry_port/fer_delay"},
    {"airline_check_in/chk_odd", "airport_ramp/special_load"},
    {"airline_check_in/chk_offload", "airport_ramp/bag_offload"},
    {"airline_check_in/chk_upgrade", "ferry_port/fer_cabin"},
    {"airline_check_in/chk_meal", "wedding_planner/wed_diet"},
    {"airline_check_in", "lexicon_trip"},
    {"swimming_pool/pool_lost", "lost_property/lost_found"},
    {"swimming_pool/pool_ph", "lab_bench/lab_ph"},
    {"swimming_pool/pool_dose", "vineyard_harvest/vin_spray"},
    {"swimming_pool", "lexicon_place"},
    {"newspaper_desk/desk_ad", "podcast_studio/pod_ad"},
    {"insurance_claims", "lexicon_case"},
    {"insurance_claims", "lexicon_document"},
    {"spreadsheet_grid", "lexicon_document"},
    {"election_office/ele_problem", "police_dispatch/pol_open"},
    {"election_office/ele_register", "school_office/school_enrol"},
    {"ferry_port/fer_cargo", "airport_ramp/special_load"},
    {"ferry_port/fer_checkin", "hotel_desk/hotel_checkin airline_check_in/chk_in"},
    {"ferry_port/fer_checkin", "airline_check_in/chk_board"},
    {"ferry_port/fer_crew", "airport_ramp/crew_put"},
    {"ferry_port/fer_delay", "airport_ramp/delay_code signal_box/train_announce"},
    {"ferry_port/fer_delay", "airline_check_in/chk_delay"},
    {"film_set/film_schedule", "calendar/event_move"},
    {"football_club/foot_fixture", "calendar/event_create assistant_agenda/plan_add"},
    {"greenhouse_nursery", "lexicon_plant"},
    {"greenhouse_nursery/nur_mist", "garden_energy_pets/sprinkler_run appliances/irrigation_start"},
    {"greenhouse_nursery/nur_order", "florist_shop/bouquet_order"},
    {"greenhouse_nursery/nur_pest", "vineyard_harvest/vin_disease"},
    {"greenhouse_nursery/nur_price", "florist_shop/price_mark"},
    {"greenhouse_nursery/nur_shade", "openings_security/cover_position"},
    {"greenhouse_nursery/nur_shade", "openings_security/cover_open openings_security/cover_close"},
    {"horse_stable", "lexicon_animal"},
    {"horse_stable/sta_bringin", "zoo_keepers/gate_shut zoo_keepers/move_animal"},
    {"horse_stable/sta_bringin", "vet_clinic/cage_assign"},
    {"horse_stable/sta_feed", "zoo_keepers/feed_give"},
    {"horse_stable/sta_lesson", "calendar/event_create barber_tattoo/slot_book"},
    {"horse_stable/sta_lesson", "vet_clinic/appointment_make swimming_pool/pool_lesson"},
    {"horse_stable/sta_lesson", "assistant_agenda/plan_add"},
    {"horse_stable/sta_livery", "law_office/bill_send"},
    {"horse_stable/sta_turnout", "zoo_keepers/gate_out zoo_keepers/move_animal"},
    {"horse_stable/sta_vet", "vet_clinic/appointment_make vet_clinic/history_note"},
    {"horse_stable/sta_vet", "zoo_keepers/behav_note"},
    {"lab_bench/lab_add", "water_works/dose_chem swimming_pool/pool_dose"},
    {"lab_bench/lab_alarm", "fire_station/alarm_raise"},
    {"lab_bench/lab_book", "calendar/event_create"},
    {"lab_bench/lab_order", "pharmacy_counter/pharm_order vet_clinic/stock_med"},
    {"lab_bench/lab_ph", "water_works/sample_read swimming_pool/pool_ph"},
    {"lab_bench/lab_store", "warehouse_logistics/ware_put"},
    {"lost_property/lost_fee", "recycling_depot/rcy_fee"},
    {"lost_property/lost_found", "taxi_dispatch/lost_note swimming_pool/pool_lost"},
    {"lost_property/lost_notify", "phone_messaging tailor_shop/ready_tell"},
    {"lost_property/lost_notify", "repair_garage/pickup_tell"},
    {"lost_property/lost_report", "taxi_dispatch/lost_note travel_help/luggage_lost"},
    {"lost_property/lost_report", "list_memory/thing_find"},
    {"lost_property/lost_search", "taxi_dispatch/lost_note list_memory/thing_find"},
    {"lost_property/lost_store", "lab_bench/lab_store warehouse_logistics/ware_put"},
    {"podcast_studio", "lexicon_media assistant_sound"},
    {"podcast_studio/pod_ad", "newspaper_desk/desk_ad"},
    {"podcast_studio/pod_guest", "calendar/event_create"},
    {"podcast_studio/pod_jingle", "media/play_music quiz_karaoke/mic_effect"},
    {"podcast_studio/pod_level", "quiz_karaoke/mic_level"},
    {"podcast_studio/pod_marker", "audio_books_radio/audio_bookmark"},
    {"podcast_studio/pod_mute", "assistant_meta/mic_mute"},
    {"podcast_studio/pod_record", "studio_printers_robots/recording_set"},
    {"podcast_studio/pod_title", "newspaper_desk/desk_head"},
    {"podcast_studio/pod_transcript", "travel_help/translate news_facts/translate_words"},
    {"recycling_depot/rcy_crew", "warehouse_logistics/ware_shift ferry_port/fer_crew"},
    {"recycling_depot/rcy_haz", "lab_bench/lab_alarm"},
    {"recycling_depot/rcy_route", "lab_bench/lab_waste"},
    {"vineyard_harvest", "lexicon_plant"},
    {"vineyard_harvest/vin_spray", "greenhouse_nursery/nur_feed"},
    {"wedding_planner/wed_deposit", "finance_payments/send_money finance_payments/bill_pay"},
    {"wedding_planner/wed_deposit", "bank_account/move_money insurance_claims/clm_pay"},
    {"wedding_planner/wed_diet", "elderly_care/eld_diet pharmacy_counter/pharm_allergy"},
    {"wedding_planner/wed_diet", "hospital_ward/ward_diet airline_check_in/chk_meal"},
    {"wedding_planner/wed_diet", "nursery_childcare/nur_allergy"},
    {"wedding_planner/wed_invite", "calendar/invite_person"},
    {"wedding_planner/wed_seat", "restaurant_floor/floor_seat"},
    {"wedding_planner/wed_song", "lexicon_media media/play_music funeral_home/music_add"},
    {"wedding_planner/wed_song", "quiz_karaoke/queue_song assistant_sound"},
    {"wedding_planner/wed_timeline", "calendar/event_create calendar/event_move"},
    {"wedding_planner/wed_timeline", "assistant_agenda/plan_add"},
    {"wedding_planner/wed_transport", "travel_booking/book_taxi taxi_dispatch/ride_book"},
    {"wedding_planner/wed_transport", "transport/ride_hail funeral_home/cars_book"},
    {"wedding_planner/wed_transport", "assistant_out/taxi"},
    {"lexicon_media", "media"},
    {"lexicon_media", "audio_books_radio"},
    {"lexicon_media", "quiz_karaoke"},
    {"lexicon_food", "food_recipes"},
    {"lexicon_food", "kitchen_help"},
    {"lexicon_food", "takeaway_shopping"},
    {"lexicon_food", "lists_notes"},
    {"lexicon_food", "list_memory"},
    {"lexicon_food", "restaurant_floor/floor_order"},
    {"lexicon_food", "appliances"},
    {"lexicon_account", "bank_account"},
    {"lexicon_account", "finance_payments"},
    {"lexicon_account", "credit_cards"},
    {"lexicon_message", "email_contacts"},
    {"lexicon_message", "phone_messaging"},
    {"lexicon_app", "device_settings"},
    {"lexicon_app", "studio_printers_robots"},
    {"lexicon_person", "phone_messaging"},
    {"lexicon_person", "email_contacts"},
    {"lexicon_person", "work_hr"},
    {"lexicon_trip", "travel_booking"},
    {"lexicon_trip", "travel_help"},
    {"lexicon_trip", "transport"},
    {"lexicon_trip", "navigation"},
    {"lexicon_garment", "tailor_shop"},
    {"lexicon_garment", "takeaway_shopping"},
    {"lexicon_case", "law_office"},
    {"food_recipes/shopping_list", "lists_notes"},
    {"food_recipes/pantry_update", "lists_notes"},
    {"food_recipes/table_book", "travel_booking/reserve_table"},
    {"food_recipes/table_book", "travel_booking/find_restaurant"},
    {"food_recipes/restaurant_find", "travel_booking/find_restaurant"},
    {"food_recipes/restaurant_find", "travel_booking/reserve_table"},
    {"food_recipes/restaurant_find", "navigation/find_poi"},
    {"food_recipes/order_cancel", "travel_booking/cancel_booking"},
    {"food_recipes/unit_convert", "weather_time_search/convert_units"},
    {"travel_booking/find_restaurant", "navigation/find_poi"},
    {"finance_payments/currency_convert", "weather_time_search/currency_exchange"},
    {"device_settings/ringer_mode", "phone_messaging/do_not_disturb"},
    {"device_settings/ringer_mode", "calendar/focus_block"},
    {"device_settings/app_open", "media"},
    {"device_settings/volume_stream", "media"},
    {"device_settings/brightness_set", "lighting"},
    {"device_settings/brightness_step", "lighting"},
    {"device_settings/flashlight", "lighting"},
    {"device_settings/camera_capture", "openings_security/camera_record"},
    {"device_settings/battery_status", "car_drive"},
    {"health_fitness/med_reminder", "timers_alarms/reminder_create"},
    {"health_fitness/bedtime_set", "timers_alarms"},
    {"health_fitness/med_reminder", "calendar"},
    {"health_fitness/workout_start", "timers_alarms/stopwatch"},
    {"health_fitness/workout_start", "timers_alarms/timer_start"},
    {"health_fitness/meal_log", "food_recipes"},
    {"timers_alarms/reminder_create", "lists_notes"},
    {"timers_alarms/reminder_create", "calendar"},
    {"timers_alarms/reminder_place", "lists_notes"},
    {"phone_messaging/do_not_disturb", "calendar/focus_block"},
    {"navigation/find_charger", "car_drive"},
    {"navigation/share_eta", "phone_messaging/send_text"},
    {"weather_time_search/weather_metric", "climate"},
    {"weather_time_search/web_search", "food_recipes"},
    {"weather_time_search/web_search", "navigation/find_poi"},
    {"weather_time_search/web_search", "travel_booking"},
    {"weather_time_search/date_info", "calendar"},
    {"weather_time_search/days_until", "calendar"},
    {"car_cabin", "climate"},
    {"car_cabin", "lighting"},
    {"car_cabin", "openings_security"},
    {"car_cabin", "appliances"},
    {"car_drive", "openings_security"},
    {"car_drive/trip_info", "navigation"},
    {"appliances/plug_switch", "lighting"},
    {"appliances/plug_switch", "climate"},
    {"appliances/plug_switch", "media"},
    {"appliances/plug_switch", "openings_security"},
    {"appliances/appliance_status", "timers_alarms"},
    {"appliances/appliance_stop", "media"},
    {"lighting/light_schedule", "timers_alarms"},
    {"bank_account", "finance_payments/balance_query"},
    {"bank_account", "finance_payments/bill_due"},
    {"bank_account/bill_settle", "finance_payments/bill_pay"},
    {"bank_account/move_money", "finance_payments/transfer_own"},
    {"bank_account/move_money", "finance_payments/goal_save"},
    {"bank_account/move_money", "finance_payments/send_money"},
    {"bank_account/bill_settle", "finance_payments/send_money"},
    {"bank_account/spend_by_category", "finance_payments/spending_query"},
    {"bank_account/spend_by_category", "finance_payments/transactions_list"},
    {"bank_account/recent_transactions", "finance_payments/transactions_list"},
    {"bank_account/recent_transactions", "finance_payments/spending_query"},
    {"bank_account/account_freeze", "finance_payments/card_lock"},
    {"bank_account/account_unfreeze", "finance_payments/card_lock"},
    {"bank_account/fraud_report", "finance_payments/card_lock"},
    {"bank_account/fraud_report", "credit_cards/card_lost"},
    {"bank_account/account_freeze", "credit_cards/card_lost"},
    {"bank_account/account_blocked_why", "credit_cards/card_declined"},
    {"bank_account/interest_rate", "credit_cards/card_apr"},
    {"credit_cards/card_lost", "finance_payments/card_lock"},
    {"credit_cards/card_limit", "finance_payments/balance_query"},
    {"credit_cards/foreign_fee", "travel_help/exchange_rate"},
    {"work_hr/meeting_schedule", "calendar"},
    {"work_hr/meetings_list", "calendar"},
    {"work_hr/meeting_cancel", "calendar"},
    {"work_hr/next_holiday", "calendar"},
    {"work_hr/next_holiday", "weather_time_search/date_info"},
    {"work_hr/next_holiday", "weather_time_search/days_until"},
    {"work_hr/colleague_phone", "phone_messaging"},
    {"work_hr/expense_claim", "finance_payments/expense_log"},
    {"work_hr/payday", "finance_payments/transactions_list"},
    {"travel_help/exchange_rate", "weather_time_search/currency_exchange"},
    {"travel_help/exchange_rate", "finance_payments/currency_convert"},
    {"travel_help/time_zone", "weather_time_search/current_time"},
    {"travel_help/car_hire", "travel_booking/rent_car"},
    {"travel_help/hotel_find", "travel_booking/search_hotels"},
    {"travel_help/hotel_find", "travel_booking/book_hotel"},
    {"travel_help/hotel_find", "navigation/find_poi"},
    {"travel_help/flight_state", "travel_booking/flight_status"},
    {"travel_help/flight_state", "travel_booking/show_bookings"},
    {"travel_help/sights", "navigation/find_poi"},
    {"travel_help/sights", "travel_booking/event_tickets"},
    {"travel_help", "weather_time_search/web_search"},
    {"travel_help/translate", "weather_time_search/define_word"},
    {"car_care/tyre_pressure_check", "car_drive/tyre_pressure"},
    {"car_care/fuel_economy", "car_drive/trip_info"},
    {"car_care/fuel_range", "car_drive"},
    {"car_care/fuel_level", "car_drive"},
    {"car_care/fuel_level", "navigation/find_poi"},
    {"car_care/car_wash", "navigation/find_poi"},
    {"car_care/service_book", "calendar"},
    {"car_care", "weather_time_search/web_search"},
    {"assistant_meta/assistant_volume", "media"},
    {"assistant_meta/assistant_volume", "device_settings/volume_stream"},
    {"assistant_meta/assistant_volume", "device_settings/ringer_mode"},
    {"assistant_meta/cancel_request", "timers_alarms"},
    {"assistant_meta/cancel_request", "media"},
    {"assistant_meta/cancel_request", "navigation/cancel_route"},
    {"assistant_meta/cancel_request", "appliances/appliance_stop"},
    {"assistant_meta/cancel_request", "food_recipes/recipe_step"},
    {"assistant_meta/mic_mute", "phone_messaging/call_control"},
    {"assistant_meta/repeat_answer", "food_recipes/recipe_step"},
    {"assistant_meta/repeat_answer", "phone_messaging"},
    {"assistant_meta/repeat_answer", "media"},
    {"assistant_meta/speech_slower", "navigation/voice_guidance"},
    {"assistant_meta/whisper_mode", "device_settings/ringer_mode"},
    {"assistant_meta/language_change", "travel_help/translate"},
    {"kitchen_help/recipe_show", "food_recipes/recipe_find"},
    {"kitchen_help/recipe_show", "food_recipes/recipe_step"},
    {"kitchen_help/ingredients_list", "food_recipes/recipe_find"},
    {"kitchen_help/ingredients_list", "food_recipes/recipe_step"},
    {"kitchen_help/cook_time", "food_recipes/recipe_step"},
    {"kitchen_help/cook_time", "food_recipes/recipe_find"},
    {"kitchen_help/ingredient_swap", "food_recipes/substitute"},
    {"kitchen_help/meal_suggest", "food_recipes/recipe_find"},
    {"kitchen_help/meal_suggest", "food_recipes/meal_plan"},
    {"kitchen_help/restaurant_suggest", "food_recipes/restaurant_find"},
    {"kitchen_help/restaurant_suggest", "travel_booking/find_restaurant"},
    {"kitchen_help/restaurant_suggest", "navigation/find_poi"},
    {"kitchen_help/restaurant_reviews", "food_recipes/restaurant_find"},
    {"kitchen_help/restaurant_reviews", "travel_booking/find_restaurant"},
    {"kitchen_help/restaurant_book", "food_recipes/table_book"},
    {"kitchen_help/restaurant_book", "travel_booking/reserve_table"},
    {"kitchen_help/restaurant_confirm", "travel_booking/show_bookings"},
    {"kitchen_help/restaurant_cancel", "travel_booking/cancel_booking"},
    {"kitchen_help/restaurant_cancel", "food_recipes/order_cancel"},
    {"kitchen_help/kitchen_convert", "food_recipes/unit_convert"},
    {"kitchen_help/kitchen_convert", "weather_time_search/convert_units"},
    {"kitchen_help/calories", "health_fitness/meal_log"},
    {"kitchen_help", "weather_time_search/web_search"},
    {"garden_energy_pets/sprinkler_run", "appliances/irrigation_start"},
    {"garden_energy_pets/sprinkler_skip", "appliances/irrigation_skip"},
    {"garden_energy_pets/mow_schedule", "appliances/mower_start"},
    {"garden_energy_pets/feeder_dispense", "appliances/pet_feed"},
    {"garden_energy_pets/feeder_schedule", "appliances/pet_feed"},
    {"garden_energy_pets/home_battery", "device_settings/battery_status"},
    {"garden_energy_pets/home_battery", "car_drive/energy_status"},
    {"garden_energy_pets/solar_yield", "appliances/energy_usage"},
    {"garden_energy_pets/power_tariff", "appliances/energy_usage"},
    {"garden_energy_pets/ev_charge_plan", "car_drive"},
    {"garden_energy_pets/aquarium_light", "lighting"},
    {"garden_energy_pets/coop_door", "openings_security"},
    {"garden_energy_pets/cat_flap", "openings_security"},
    {"garden_energy_pets/greenhouse_vent", "openings_security"},
    {"garden_energy_pets/greenhouse_vent", "climate"},
    {"garden_energy_pets/weather_station", "weather_time_search"},
    {"garden_energy_pets/weather_station", "climate"},
    {"garden_energy_pets/pool_heat", "climate"},
    {"studio_printers_robots/vacuum_rooms", "appliances/robot_clean"},
    {"studio_printers_robots/vacuum_mode", "appliances/robot_clean"},
    {"studio_printers_robots/mop_settings", "appliances/robot_clean"},
    {"studio_printers_robots/robot_mower", "appliances/mower_start"},
    {"studio_printers_robots/robot_mower", "appliances/robot_dock"},
    {"studio_printers_robots/robot_mower", "garden_energy_pets/mow_schedule"},
    {"studio_printers_robots/recording_set", "media"},
    {"studio_printers_robots/projector_control", "media"},
    {"studio_printers_robots/intercom_answer", "openings_security"},
    {"studio_printers_robots/intercom_open", "openings_security"},
    {"studio_printers_robots/intercom_open", "garden_energy_pets/cat_flap"},
    {"studio_printers_robots/camera_view_live", "openings_security"},
    {"studio_printers_robots/camera_view_live", "car_drive/camera_view"},
    {"studio_printers_robots/camera_clip", "openings_security"},
    {"studio_printers_robots/camera_clip", "device_settings/camera_capture"},
    {"studio_printers_robots/camera_privacy", "openings_security"},
    {"studio_printers_robots/guest_wifi", "device_settings/wifi_power"},
    {"studio_printers_robots/guest_wifi", "device_settings/wifi_join"},
    {"studio_printers_robots/guest_wifi", "openings_security/guest_access"},
    {"travel_help/exchange_rate", "news_facts/convert_measure"},
    {"travel_help/hotel_find", "social_recommend/place_suggest"},
    {"travel_help/travel_alert", "news_facts"},
    {"travel_help/visa_needed", "news_facts/ask_fact"},
    {"travel_help/vaccines", "news_facts/ask_fact"},
    {"travel_help/plug_type", "news_facts/ask_fact"},
    {"travel_help/jet_lag", "news_facts/ask_fact"},
    {"travel_help/carry_on_rules", "news_facts/ask_fact"},
    {"travel_help/car_hire", "transport"},
    {"car_care", "news_facts/ask_fact"},
    {"car_care/fuel_level", "transport"},
    {"kitchen_help/restaurant_suggest", "social_recommend/place_suggest"},
    {"kitchen_help/restaurant_suggest", "takeaway_shopping/takeaway_find"},
    {"kitchen_help/meal_suggest", "takeaway_shopping/takeaway_find"},
    {"kitchen_help/meal_suggest", "social_recommend/eatery_suggest"},
    {"credit_cards/improve_score", "news_facts/ask_fact"},
    {"work_hr/next_holiday", "news_facts/ask_fact"},
    {"assistant_meta/cancel_request", "takeaway_shopping/takeaway_cancel"},
    {"assistant_meta/cancel_request", "list_memory/reminder_drop"},
    {"assistant_meta/cancel_request", "calendar/event_cancel"},
    {"assistant_meta/speech_slower", "audio_books_radio/playback_speed"},
    {"assistant_meta/speech_faster", "audio_books_radio/playback_speed"},
    {"assistant_meta/repeat_answer", "audio_books_radio"},
    {"assistant_meta/feedback", "social_recommend/complain_brand"},
    {"assistant_meta/user_name_query", "list_memory/fact_recall"},
    {"garden_energy_pets/weather_station", "news_facts"},
    {"garden_energy_pets/coop_close", "openings_security"},
    {"garden_energy_pets/feeder_schedule", "timers_alarms/reminder_create"},
    {"bank_account/bill_due_date", "list_memory/reminders_show"},
    {"bank_account/recent_transactions", "takeaway_shopping/return_item"},
    {"credit_cards/card_arrival", "takeaway_shopping/parcel_track"},
    {"climate/fan_power", "car_cabin"},
    {"email_contacts", "phone_messaging/send_email"},
    {"email_contacts", "phone_messaging/read_email"},
    {"email_contacts/mail_check", "phone_messaging/read_messages"},
    {"email_contacts/mail_reply", "phone_messaging/reply_message"},
    {"email_contacts/contact_find", "phone_messaging/contact_lookup"},
    {"email_contacts/contact_new", "calendar/birthday_add"},
    {"transport/departures", "travel_booking/next_departure"},
    {"transport/departures", "transport/route_plan"},
    {"transport/route_plan", "travel_booking/next_departure"},
    {"transport/route_plan", "navigation"},
    {"transport/transit_status", "travel_booking/next_departure"},
    {"transport/traffic_report", "navigation"},
    {"transport/ticket_buy", "travel_booking"},
    {"transport/transit_pass", "travel_booking/book_train"},
    {"transport/plane_status", "travel_booking/flight_status"},
    {"transport/ride_hail", "travel_booking/book_taxi"},
    {"transport/ride_hail", "navigation/nav_start"},
    {"transport/ride_cancel", "travel_booking/cancel_booking"},
    {"transport/ride_check", "travel_booking/show_bookings"},
    {"transport/parking_session", "navigation/find_parking"},
    {"transport/bike_share", "navigation/find_poi"},
    {"audio_books_radio", "media"},
    {"audio_books_radio", "device_settings/app_open"},
    {"audio_books_radio/audio_sleep_timer", "timers_alarms"},
    {"audio_books_radio/now_playing", "weather_time_search/web_search"},
    {"audio_books_radio/podcast_find", "weather_time_search/web_search"},
    {"alarms_datetime", "timers_alarms/alarm_set"},
    {"alarms_datetime", "timers_alarms/alarm_repeat"},
    {"alarms_datetime", "timers_alarms/alarm_cancel"},
    {"alarms_datetime", "timers_alarms/alarm_list"},
    {"alarms_datetime", "timers_alarms/alarm_snooze"},
    {"alarms_datetime", "weather_time_search/current_time"},
    {"alarms_datetime", "weather_time_search/date_info"},
    {"alarms_datetime", "weather_time_search/days_until"},
    {"alarms_datetime", "weather_time_search/sun_times"},
    {"alarms_datetime", "weather_time_search/web_search"},
    {"alarms_datetime/date_when", "calendar"},
    {"alarms_datetime/countdown_query", "calendar"},
    {"alarms_datetime/wake_set", "health_fitness/bedtime_set"},
    {"alarms_datetime/wake_sound", "device_settings/volume_stream"},
    {"alarms_datetime/wake_remove", "openings_security/alarm_disarm"},
    {"alarms_datetime/wake_query", "openings_security/opening_status"},
    {"alarms_datetime/clock_time", "alarms_datetime/zone_convert"},
    {"list_memory", "lists_notes"},
    {"list_memory", "food_recipes/shopping_list"},
    {"list_memory", "food_recipes/pantry_update"},
    {"list_memory/note_take", "list_memory/fact_remember"},
    {"list_memory/note_take", "list_memory/thing_stow"},
    {"list_memory/fact_remember", "list_memory/thing_stow"},
    {"list_memory/fact_recall", "list_memory/note_search"},
    {"list_memory/fact_recall", "list_memory/thing_find"},
    {"list_memory/note_take", "timers_alarms/reminder_create"},
    {"list_memory/fact_remember", "timers_alarms/reminder_create"},
    {"list_memory/named_list_add", "timers_alarms/reminder_create"},
    {"list_memory/reminders_show", "calendar"},
    {"list_memory/reminder_drop", "calendar"},
    {"news_facts", "weather_time_search/web_search"},
    {"news_facts/ask_fact", "weather_time_search"},
    {"news_facts/ask_fact", "alarms_datetime"},
    {"news_facts/news_brief", "weather_time_search/news"},
    {"news_facts/define_term", "weather_time_search/define_word"},
    {"news_facts/calculate", "weather_time_search/convert_units"},
    {"news_facts/convert_measure", "weather_time_search/convert_units"},
    {"news_facts/convert_measure", "food_recipes/unit_convert"},
    {"news_facts/fx_rate", "weather_time_search/currency_exchange"},
    {"news_facts/fx_rate", "finance_payments/currency_convert"},
    {"news_facts/share_price", "weather_time_search/stock_price"},
    {"news_facts/match_result", "weather_time_search/sports_score"},
    {"news_facts/match_when", "weather_time_search/sports_schedule"},
    {"news_facts/news_brief", "audio_books_radio"},
    {"news_facts/news_brief", "media/play_radio"},
    {"social_recommend", "weather_time_search/web_search"},
    {"social_recommend/eatery_suggest", "travel_booking/find_restaurant"},
    {"social_recommend/eatery_suggest", "travel_booking/reserve_table"},
    {"social_recommend/eatery_suggest", "food_recipes/restaurant_find"},
    {"social_recommend/eatery_suggest", "navigation/find_poi"},
    {"social_recommend/place_suggest", "navigation/find_poi"},
    {"social_recommend/ticket_event_buy", "travel_booking/event_tickets"},
    {"social_recommend/ticket_event_buy", "transport/ticket_buy"},
    {"social_recommend/movie_suggest", "media/tv_watch"},
    {"social_recommend/game_start", "device_settings/app_open"},
    {"social_recommend/trivia_quiz", "news_facts"},
    {"social_recommend/book_suggest", "audio_books_radio/audiobook_play"},
    {"takeaway_shopping", "food_recipes/order_food"},
    {"takeaway_shopping", "food_recipes/order_again"},
    {"takeaway_shopping", "food_recipes/order_track"},
    {"takeaway_shopping", "food_recipes/order_cancel"},
    {"takeaway_shopping", "weather_time_search/web_search"},
    {"takeaway_shopping/takeaway_find", "travel_booking/find_restaurant"},
    {"takeaway_shopping/takeaway_find", "food_recipes/restaurant_find"},
    {"takeaway_shopping/takeaway_find", "navigation/find_poi"},
    {"takeaway_shopping/takeaway_find", "social_recommend/eatery_suggest"},
    {"takeaway_shopping/takeaway_cancel", "travel_booking/cancel_booking"},
    {"takeaway_shopping/cart_add", "lists_notes"},
    {"takeaway_shopping/cart_add", "list_memory"},
    {"takeaway_shopping/cart_add", "food_recipes/shopping_list"},
    {"takeaway_shopping/cart_remove", "lists_notes"},
    {"takeaway_shopping/cart_remove", "list_memory"},
    {"takeaway_shopping/cart_remove", "food_recipes/shopping_list"},
    {"takeaway_shopping/cart_view", "lists_notes"},
    {"takeaway_shopping/cart_view", "list_memory"},
    {"takeaway_shopping/product_search", "takeaway_shopping/price_check"},
    {"social_recommend/eatery_suggest", "kitchen_help/restaurant_suggest"},
    {"social_recommend/eatery_suggest", "kitchen_help/restaurant_reviews"},
    {"social_recommend/eatery_suggest", "kitchen_help/restaurant_book"},
    {"social_recommend/eatery_suggest", "travel_help/sights"},
    {"social_recommend/place_suggest", "travel_help/sights"},
    {"social_recommend/event_suggest", "travel_help/sights"},
    {"social_recommend/event_suggest", "calendar"},
    {"takeaway_shopping/takeaway_find", "kitchen_help"},
    {"takeaway_shopping/takeaway_order", "kitchen_help/meal_suggest"},
    {"takeaway_shopping/takeaway_cancel", "kitchen_help/restaurant_cancel"},
    {"takeaway_shopping/takeaway_status", "kitchen_help/restaurant_confirm"},
    {"news_facts/fx_rate", "travel_help/exchange_rate"},
    {"news_facts/fx_rate", "credit_cards/foreign_fee"},
    {"news_facts/translate_words", "travel_help/translate"},
    {"news_facts/translate_words", "assistant_meta/language_change"},
    {"news_facts/translate_words", "weather_time_search/define_word"},
    {"news_facts/convert_measure", "kitchen_help/kitchen_convert"},
    {"news_facts/calculate", "kitchen_help/kitchen_convert"},
    {"news_facts/ask_fact", "travel_help"},
    {"news_facts/ask_fact", "kitchen_help"},
    {"news_facts/ask_fact", "assistant_meta"},
    {"news_facts/ask_fact", "news_facts/define_term"},
    {"alarms_datetime/zone_gap", "travel_help/time_zone"},
    {"alarms_datetime/zone_convert", "travel_help/time_zone"},
    {"alarms_datetime/clock_time", "travel_help/time_zone"},
    {"alarms_datetime/date_when", "work_hr/next_holiday"},
    {"alarms_datetime/countdown_query", "work_hr/next_holiday"},
    {"alarms_datetime/countdown_query", "work_hr/payday"},
    {"alarms_datetime/wake_remove", "assistant_meta/cancel_request"},
    {"audio_books_radio/playback_speed", "assistant_meta"},
    {"audio_books_radio/audio_seek", "assistant_meta/repeat_answer"},
    {"audio_books_radio/audio_seek", "food_recipes/recipe_step"},
    {"list_memory/fact_recall", "assistant_meta"},
    {"list_memory/fact_remember", "assistant_meta/user_name_set"},
    {"list_memory/reminders_show", "work_hr/meetings_list"},
    {"transport/plane_status", "travel_help/flight_state"},
    {"transport/ride_cancel", "assistant_meta/cancel_request"},
    {"transport/ride_hail", "travel_help/car_hire"},
    {"email_contacts/contact_find", "work_hr/colleague_phone"},
    {"email_contacts/mail_compose", "work_hr/colleague_phone"},
    {"email_contacts/mail_reply", "phone_messaging/send_text"},
    {"taxi_dispatch/ride_book", "transport/ride_hail"},
    {"taxi_dispatch/ride_book", "travel_booking/book_taxi"},
    {"taxi_dispatch/ride_book", "travel_help/car_hire"},
    {"taxi_dispatch/ride_cancel", "transport/ride_cancel"},
    {"taxi_dispatch/road_warn", "transport/traffic_report"},
    {"barber_tattoo/slot_book", "vet_clinic/appointment_make"},
    {"barber_tattoo/slot_book", "tailor_shop/fitting_book"},
    {"barber_tattoo/slot_drop", "vet_clinic/appointment_cancel"},
};

/* Categories that no tool of a home overlaps with: their functions may stand beside home tools. */
static const char *const remote[] = {
    "finance_payments", "travel_booking",  "health_fitness",
    "navigation",       "calendar",        "food_recipes",
    "bank_account",     "credit_cards",    "work_hr",
    "fire_station",     "florist_shop",    "repair_garage",
    "vet_clinic",       "airport_ramp",    "signal_box",
    "version_control",  "print_shop",      "funeral_home",
    "pawn_auction",     "barber_tattoo",   "moving_storage",
    "tailor_shop",      "zoo_keepers",     "water_works",
    "law_office",       "taxi_dispatch",   "city_council_reports",
    "tennis_club",      "freight_railway", "second_hand_bookseller",
    "gym_trainer",      "pest_control"};

/* Functions that might answer what the escalation list asks. */
static const char *const knowing[] = {"weather_time_search",
                                      "navigation/find_poi",
                                      "news_facts",
                                      "social_recommend",
                                      "assistant_knows",
                                      "gloss_lookups",
                                      "assistant_out",
                                      "assistant_sound/what_song",
                                      "food_recipes/recipe_find",
                                      "lighting/scene_save",
                                      "calendar/find_common_slot",
                                      "car_care",
                                      "travel_help",
                                      "kitchen_help",
                                      "assistant_meta"};

/* Whether the category is meant by the first n characters of a pattern; those composed are
 * lexicon_media_3 and meant by lexicon_media. */
static int is_category(const struct gen_category *c, const char *pattern, size_t n)
{
    size_t own = strlen(c->name);
    if (c->is_composed) {
        while (own && c->name[own - 1] != '_') own--;
        own -= own > 0;
    }
    return own == n && !strncmp(pattern, c->name, n);
}

static int is_function(const struct gen_teacher *t, int f, const char *pattern)
{
    size_t n = strcspn(pattern, "/");
    if (!is_category(&t->cat[t->fn[f].category], pattern, n)) return 0;
    return !pattern[n] || !strcmp(pattern + n + 1, t->fn[f].id);
}

/* Add the functions of one pattern (n characters) to the list. */
static int add_functions(const struct gen_teacher *t, const char *pattern, size_t n, int *list,
                         int n_list)
{
    const char *slash = memchr(pattern, '/', n);
    size_t n_category = slash ? (size_t)(slash - pattern) : n;
    for (int c = 0; c < t->n_cat; c++) {
        if (!is_category(&t->cat[c], pattern, n_category)) continue;
        for (int f = t->cat[c].first; f < t->cat[c].first + t->cat[c].n && n_list < t->n_fn; f++)
            if (!slash || (strlen(t->fn[f].id) == n - n_category - 1 &&
                           !strncmp(t->fn[f].id, slash + 1, n - n_category - 1)))
                list[n_list++] = f;
    }
    return n_list;
}

static void set_clash(struct gen_teacher *t, int a, int b)
{
    size_t at = (size_t)a * (size_t)t->n_fn + (size_t)b;
    t->clash[at / 8] |= (uint8_t)(1u << (at % 8));
}

enum lt_err gen_clashes_build(struct gen_teacher *t, struct lt_diag *diag)
{
    size_t n = (size_t)t->n_fn;
    int *left = calloc(2 * n + 1, sizeof *left), *right = left ? left + n : NULL;
    t->clash = calloc(n * n / 8 + 1, 1);
    if (!left || !t->clash) {
        free(left);
        return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    }
    for (size_t i = 0; i < sizeof clashes / sizeof *clashes; i++) {
        int n_left = add_functions(t, clashes[i][0], strlen(clashes[i][0]), left, 0);
        for (const char *one = clashes[i][1]; n_left && *one;) {
            size_t length = strcspn(one, " ");
            int n_right = add_functions(t, one, length, right, 0);
            for (int a = 0; a < n_left; a++)
                for (int b = 0; b < n_right; b++) {
                    set_clash(t, left[a], right[b]);
                    set_clash(t, right[b], left[a]);
                }
            one += length + (one[length] == ' ');
        }
    }
    free(left);
    return LT_OK;
}

int gen_functions_clash(const struct gen_teacher *t, int a, int b)
{
    if (a < 0 || b < 0) return 0;
    size_t at = (size_t)a * (size_t)t->n_fn + (size_t)b;
    return t->clash[at / 8] >> (at % 8) & 1;
}

int gen_function_is_remote(const struct gen_teacher *t, int f)
{
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (is_function(t, f, remote[i])) return !is_function(t, f, "food_recipes/shopping_list");
    return 0;
}

int gen_function_knows(const struct gen_teacher *t, int f)
{
    for (size_t i = 0; i < sizeof knowing / sizeof *knowing; i++)
        if (is_function(t, f, knowing[i])) return 1;
    return 0;
}
