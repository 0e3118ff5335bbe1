/* generate_teacher.c - the teacher's phrases: loading them, and filling their slots.
 *
 * engine/data/teacher/README.md tells the format and its traps. Two of them live here: which
 * functions serve the same request (the clash table), and which parameters take values that are
 * not said literally ("half past six" -> "06:30"), whose descriptions a variant must keep. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate_internal.h"

/* Pairs that may serve one request. Entries are "category" or "category/function"; what is composed
 * from the lexicon has the category "lexicon_CLASS", without its number. The second may name several,
 * with blanks between. */
static const char *const clashes[][2] = {
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
    {"insurance_claims", "lexicon_case"},
    {"insurance_claims", "lexicon_document"},
    {"spreadsheet_grid", "lexicon_document"},
    {"greenhouse_nursery", "lexicon_plant"},
    {"greenhouse_nursery/nur_mist", "garden_energy_pets/sprinkler_run"},
    {"greenhouse_nursery/nur_mist", "appliances/irrigation_start"},
    {"greenhouse_nursery/nur_shade", "openings_security/cover_position"},
    {"greenhouse_nursery/nur_shade", "openings_security/cover_open"},
    {"greenhouse_nursery/nur_shade", "openings_security/cover_close"},
    {"greenhouse_nursery/nur_pest", "vineyard_harvest/vin_disease"},
    {"greenhouse_nursery/nur_order", "florist_shop/bouquet_order"},
    {"greenhouse_nursery/nur_price", "florist_shop/price_mark"},
    {"vineyard_harvest", "lexicon_plant"},
    {"vineyard_harvest/vin_spray", "greenhouse_nursery/nur_feed"},
    {"football_club/foot_fixture", "calendar/event_create"},
    {"horse_stable", "lexicon_animal"},
    {"horse_stable/sta_vet", "vet_clinic/appointment_make"},
    {"horse_stable/sta_vet", "vet_clinic/history_note"},
    {"horse_stable/sta_vet", "zoo_keepers/behav_note"},
    {"horse_stable/sta_feed", "zoo_keepers/feed_give"},
    {"horse_stable/sta_turnout", "zoo_keepers/gate_out"},
    {"horse_stable/sta_turnout", "zoo_keepers/move_animal"},
    {"horse_stable/sta_bringin", "zoo_keepers/gate_shut"},
    {"horse_stable/sta_bringin", "zoo_keepers/move_animal"},
    {"horse_stable/sta_bringin", "vet_clinic/cage_assign"},
    {"horse_stable/sta_lesson", "calendar/event_create"},
    {"horse_stable/sta_lesson", "barber_tattoo/slot_book"},
    {"horse_stable/sta_lesson", "vet_clinic/appointment_make"},
    {"horse_stable/sta_livery", "law_office/bill_send"},
    {"film_set/film_schedule", "calendar/event_move"},
    {"election_office/ele_register", "school_office/school_enrol"},
    {"election_office/ele_problem", "police_dispatch/pol_open"},
    {"recycling_depot/rcy_crew", "warehouse_logistics/ware_shift"},
    {"recycling_depot/rcy_crew", "ferry_port/fer_crew"},
    {"recycling_depot/rcy_haz", "lab_bench/lab_alarm"},
    {"recycling_depot/rcy_route", "lab_bench/lab_waste"},
    {"lab_bench/lab_alarm", "fire_station/alarm_raise"},
    {"lab_bench/lab_ph", "water_works/sample_read"},
    {"lab_bench/lab_add", "water_works/dose_chem"},
    {"lab_bench/lab_store", "warehouse_logistics/ware_put"},
    {"lab_bench/lab_order", "pharmacy_counter/pharm_order"},
    {"lab_bench/lab_order", "vet_clinic/stock_med"},
    {"lab_bench/lab_book", "calendar/event_create"},
    {"ferry_port/fer_delay", "airport_ramp/delay_code"},
    {"ferry_port/fer_delay", "signal_box/train_announce"},
    {"ferry_port/fer_crew", "airport_ramp/crew_put"},
    {"ferry_port/fer_cargo", "airport_ramp/special_load"},
    {"ferry_port/fer_checkin", "hotel_desk/hotel_checkin"},
    {"wedding_planner/wed_song", "lexicon_media"},
    {"wedding_planner/wed_song", "media/play_music"},
    {"wedding_planner/wed_song", "funeral_home/music_add"},
    {"wedding_planner/wed_song", "quiz_karaoke/queue_song"},
    {"wedding_planner/wed_transport", "travel_booking/book_taxi"},
    {"wedding_planner/wed_transport", "taxi_dispatch/ride_book"},
    {"wedding_planner/wed_transport", "transport/ride_hail"},
    {"wedding_planner/wed_transport", "funeral_home/cars_book"},
    {"wedding_planner/wed_seat", "restaurant_floor/floor_seat"},
    {"wedding_planner/wed_diet", "elderly_care/eld_diet"},
    {"wedding_planner/wed_diet", "pharmacy_counter/pharm_allergy"},
    {"wedding_planner/wed_deposit", "finance_payments/send_money"},
    {"wedding_planner/wed_deposit", "finance_payments/bill_pay"},
    {"wedding_planner/wed_deposit", "bank_account/move_money"},
    {"wedding_planner/wed_deposit", "insurance_claims/clm_pay"},
    {"wedding_planner/wed_invite", "calendar/invite_person"},
    {"wedding_planner/wed_timeline", "calendar/event_create"},
    {"wedding_planner/wed_timeline", "calendar/event_move"},
    {"lost_property/lost_found", "taxi_dispatch/lost_note"},
    {"lost_property/lost_report", "taxi_dispatch/lost_note"},
    {"lost_property/lost_report", "travel_help/luggage_lost"},
    {"lost_property/lost_report", "list_memory/thing_find"},
    {"lost_property/lost_search", "taxi_dispatch/lost_note"},
    {"lost_property/lost_search", "list_memory/thing_find"},
    {"lost_property/lost_store", "lab_bench/lab_store"},
    {"lost_property/lost_store", "warehouse_logistics/ware_put"},
    {"lost_property/lost_notify", "phone_messaging"},
    {"lost_property/lost_notify", "tailor_shop/ready_tell"},
    {"lost_property/lost_notify", "repair_garage/pickup_tell"},
    {"lost_property/lost_fee", "recycling_depot/rcy_fee"},
    {"podcast_studio", "lexicon_media"},
    {"podcast_studio/pod_record", "studio_printers_robots/recording_set"},
    {"podcast_studio/pod_mute", "assistant_meta/mic_mute"},
    {"podcast_studio/pod_level", "quiz_karaoke/mic_level"},
    {"podcast_studio/pod_jingle", "media/play_music"},
    {"podcast_studio/pod_jingle", "quiz_karaoke/mic_effect"},
    {"podcast_studio/pod_marker", "audio_books_radio/audio_bookmark"},
    {"podcast_studio/pod_transcript", "travel_help/translate"},
    {"podcast_studio/pod_transcript", "news_facts/translate_words"},
    {"podcast_studio/pod_guest", "calendar/event_create"},
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
    "finance_payments", "travel_booking", "health_fitness", "navigation",   "calendar",
    "food_recipes",     "bank_account",   "credit_cards",   "work_hr",      "fire_station",
    "florist_shop",     "repair_garage",  "vet_clinic",     "airport_ramp", "signal_box",
    "version_control",  "print_shop",     "funeral_home",   "pawn_auction", "barber_tattoo",
    "moving_storage",   "tailor_shop",    "zoo_keepers",    "water_works",  "law_office",
    "taxi_dispatch"};

/* Functions that might answer what the escalation list asks. */
static const char *const knowing[] = {"weather_time_search",
                                      "navigation/find_poi",
                                      "news_facts",
                                      "social_recommend",
                                      "assistant_knows",
                                      "assistant_out",
                                      "assistant_sound/what_song",
                                      "food_recipes/recipe_find",
                                      "lighting/scene_save",
                                      "calendar/find_common_slot",
                                      "car_care",
                                      "travel_help",
                                      "kitchen_help",
                                      "assistant_meta"};

static int is_function(const struct gen_teacher *t, int f, const char *pattern)
{
    const char *category = t->cat[t->fn[f].category].name;
    size_t n = strlen(category);
    if (t->cat[t->fn[f].category].is_composed) { /* lexicon_media_3 */
        while (n && category[n - 1] != '_') n--;
        n -= n > 0;
    }
    if (strncmp(pattern, category, n)) return 0;
    return !pattern[n] || (pattern[n] == '/' && !strcmp(pattern + n + 1, t->fn[f].id));
}

static int is_one_of(const struct gen_teacher *t, int f, const char *patterns)
{
    for (size_t n; *patterns; patterns += n + (patterns[n] == ' ')) {
        char one[96];
        n = strcspn(patterns, " ");
        snprintf(one, sizeof one, "%.*s", (int)n, patterns);
        if (is_function(t, f, one)) return 1;
    }
    return 0;
}

int gen_functions_clash(const struct gen_teacher *t, int a, int b)
{
    if (a < 0 || b < 0) return 0;
    for (size_t i = 0; i < sizeof clashes / sizeof *clashes; i++)
        if ((is_function(t, a, clashes[i][0]) && is_one_of(t, b, clashes[i][1])) ||
            (is_function(t, b, clashes[i][0]) && is_one_of(t, a, clashes[i][1])))
            return 1;
    return 0;
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

/* ---- loading --------------------------------------------------------------------------------- */

/* Which parameters of a schema take string values that are not said as they are passed. */
static json_t *coded_parameters(const struct gen_category *c, const struct gen_function *f,
                                const json_t *schema)
{
    json_t *coded = json_object(), *u;
    const json_t *map = json_object_get(schema, "map");
    size_t i;
    json_array_foreach(f->utterances, i, u)
    {
        const char *canonical;
        json_t *v;
        json_object_foreach(json_object_get(u, "args"), canonical, v)
        {
            const char *p = json_string_value(json_object_get(map, canonical));
            if (p && json_is_string(v)) json_object_set_new(coded, p, json_true());
        }
        const char *text =
            json_is_string(u) ? json_string_value(u) : json_string_value(json_object_get(u, "u"));
        for (const char *at = text; at && (at = strchr(at, '{')); at++) {
            char slot[64] = "";
            size_t n = strcspn(at + 1, "}"), m = strcspn(at + 1, ":}");
            if (m >= sizeof slot || n >= 2 * sizeof slot) continue;
            memcpy(slot, at + 1, m);
            slot[m] = 0;
            const json_t *values = json_object_get(c->slots, slot);
            const json_t *first = json_array_get(values, 0);
            int differs = 0;
            for (size_t k = 0; k < json_array_size(values) && !differs; k++) {
                first = json_array_get(values, k);
                const char *say = json_string_value(json_object_get(first, "say"));
                const char *val = json_string_value(json_object_get(first, "value"));
                differs = say && val && strcmp(say, val);
            }
            if (!differs) continue;
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)(n - (n > m ? m + 1 : 0)),
                     at + 1 + (n > m ? m + 1 : 0));
            const char *p = json_string_value(json_object_get(map, name));
            if (p) json_object_set_new(coded, p, json_true());
        }
    }
    return coded;
}

enum lt_err gen_teacher_add(struct gen_teacher *t, json_t *root, const char *path,
                            struct lt_diag *diag)
{
    if (t->n_cat == GEN_CATEGORIES_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: more than %d categories", path, GEN_CATEGORIES_MAX);
    json_t *list = json_object_get(root, "functions");
    struct gen_function *fn =
        realloc(t->fn, ((size_t)t->n_fn + json_array_size(list)) * sizeof *fn);
    if (!fn) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    t->fn = fn;
    struct gen_category *c = &t->cat[t->n_cat];
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%s", json_string_value(json_object_get(root, "category")));
    c->slots = json_object_get(root, "slots");
    c->nothing = json_object_get(root, "nothing");
    c->first = t->n_fn;
    size_t i, k;
    json_t *f, *schema;
    json_array_foreach(list, i, f)
    {
        struct gen_function *one = &t->fn[t->n_fn];
        memset(one, 0, sizeof *one);
        one->id = json_string_value(json_object_get(f, "id"));
        one->category = t->n_cat;
        one->schemas = json_object_get(f, "schemas");
        one->utterances = json_object_get(f, "utterances");
        size_t n_schemas = json_array_size(one->schemas);
        if (!one->id || !n_schemas || n_schemas > 3 || !json_array_size(one->utterances))
            return lt_fail(diag, LT_ERR_PARSE,
                           "%s: functions[%zu] needs id, 1 to 3 schemas and utterances", path, i);
        json_array_foreach(one->schemas, k, schema)
        {
            json_t *normal = san_schema_normal(json_object_get(schema, "parameters"));
            if (!normal || !json_is_string(json_object_get(schema, "name")) ||
                !json_is_object(json_object_get(schema, "map"))) {
                json_decref(normal);
                return lt_fail(diag, LT_ERR_PARSE,
                               "%s: functions[%zu].schemas[%zu] needs name, parameters and map",
                               path, i, k);
            }
            json_object_set_new(schema, "parameters", normal);
            one->coded[k] = coded_parameters(c, one, schema);
        }
        t->n_fn++;
        c->n++;
    }
    c->root = json_incref(root);
    t->n_cat++;
    return LT_OK;
}

static enum lt_err add_entries(struct gen_teacher *t, json_t *root, const char *path,
                               struct lt_diag *diag)
{
    if (t->n_home_root == 4)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: more than 4 files of home phrases", path);
    json_t *list = json_object_get(root, "entries"), *e;
    struct gen_entry *entry =
        realloc(t->entry, ((size_t)t->n_entry + json_array_size(list)) * sizeof *entry);
    if (!entry) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    t->entry = entry;
    size_t i;
    json_array_foreach(list, i, e)
    {
        struct gen_entry *one = &t->entry[t->n_entry];
        memset(one, 0, sizeof *one);
        one->json = e;
        one->tool = json_string_value(json_object_get(e, "tool"));
        one->domain = json_string_value(json_object_get(e, "domain"));
        one->device_class = json_string_value(json_object_get(e, "device_class"));
        one->note = json_string_value(json_object_get(e, "note"));
        one->args = json_object_get(e, "args");
        one->slots = json_object_get(root, "slots");
        one->here_adds_nothing = json_object_get(e, "here_adds") != NULL;
        one->any_kind = json_is_true(json_object_get(e, "any_kind"));
        one->unsure = json_is_true(json_object_get(e, "unsure"));
        one->with_name = json_object_get(e, "with") != NULL;
        if (!one->tool)
            return lt_fail(diag, LT_ERR_PARSE, "%s: entries[%zu] names no tool", path, i);
        t->n_entry++;
    }
    json_array_extend(t->home_nothing, json_object_get(root, "nothing"));
    t->home_root[t->n_home_root++] = json_incref(root);
    return LT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum lt_err load_file(struct gen_teacher *t, const char *path, const char *const *exclude,
                             int n_exclude, struct lt_diag *diag)
{
    json_error_t je;
    json_t *root = json_load_file(path, 0, &je);
    if (!root) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    enum lt_err err = LT_OK;
    const char *category = json_string_value(json_object_get(root, "category"));
    int out = 0;
    for (int i = 0; category && i < n_exclude; i++) out |= !strcmp(category, exclude[i]);
    if (!category)
        err = lt_fail(diag, LT_ERR_PARSE, "%s: \"category\" is missing", path);
    else if (out)
        ;
    else if (json_object_get(root, "functions"))
        err = gen_teacher_add(t, root, path, diag);
    else if (json_object_get(root, "entries"))
        err = add_entries(t, root, path, diag);
    else if (json_object_get(root, "nothing"))
        json_array_extend(t->escalate, json_object_get(root, "nothing"));
    json_decref(root);
    return err;
}

enum lt_err gen_teacher_load(struct gen_teacher *t, const char *dir, const char *const *exclude,
                             int n_exclude, struct lt_diag *diag)
{
    char *names[GEN_CATEGORIES_MAX + 8];
    int n = 0;
    enum lt_err err = LT_OK;
    t->home_nothing = json_array();
    t->escalate = json_array();
    DIR *d = opendir(dir);
    if (!d) return lt_fail_errno(diag, "teacher folder %s", dir);
    for (struct dirent *e; !err && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len < 6 || strcmp(e->d_name + len - 5, ".json")) continue;
        if (n == GEN_CATEGORIES_MAX + 8)
            err = lt_fail(diag, LT_ERR_LIMIT, "teacher folder %s: more than %d files", dir,
                          GEN_CATEGORIES_MAX + 8);
        else if (!(names[n] = strdup(e->d_name)))
            err = lt_fail(diag, LT_ERR_NOMEM, "teacher folder %s: out of memory", dir);
        else
            n++;
    }
    closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name); /* the stream must not depend on the disk */
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (!err) err = load_file(t, path, exclude, n_exclude, diag);
        free(names[i]);
    }
    if (!err && !t->n_fn && !t->n_entry)
        err = lt_fail(diag, LT_ERR_NOTFOUND, "teacher folder %s holds no phrases", dir);
    return err;
}

void gen_teacher_free(struct gen_teacher *t)
{
    for (int i = 0; i < t->n_cat; i++) json_decref(t->cat[i].root);
    for (int i = 0; i < t->n_home_root; i++) json_decref(t->home_root[i]);
    for (int i = 0; i < t->n_fn; i++)
        for (int k = 0; k < 3; k++) json_decref(t->fn[i].coded[k]);
    json_decref(t->home_nothing);
    json_decref(t->escalate);
    free(t->fn);
    free(t->entry);
    memset(t, 0, sizeof *t);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static json_t *random_int(struct gen_rng *r, const json_t *range)
{
    json_int_t a = json_integer_value(json_array_get(range, 0));
    json_int_t b = json_integer_value(json_array_get(range, 1));
    json_int_t span = b >= a ? b - a + 1 : 1, v = a + gen_below(r, (size_t)span);
    if (span > 20 && gen_chance(r, 0.4)) { /* people like round numbers */
        v = v / 5 * 5;
        if (v < a) v += 5;
    }
    return json_integer(v);
}

/* Draw a value of a slot: its text into `text`; returns the passed value (new reference). */
static json_t *draw_slot(struct gen_rng *r, const json_t *slot, struct gen_text *text)
{
    const json_t *one =
        json_is_array(slot) ? json_array_get(slot, gen_below(r, json_array_size(slot))) : slot;
    if (json_is_string(one)) {
        gen_text_adds(text, json_string_value(one));
        return json_string(json_string_value(one));
    }
    const json_t *range = json_object_get(one, "int");
    const json_t *reals = json_object_get(one, "float");
    const char *say = json_string_value(json_object_get(one, "say"));
    char number[32];
    json_t *value = NULL;
    if (range) {
        value = random_int(r, range);
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (reals) {
        double a = json_number_value(json_array_get(reals, 0));
        double b = json_number_value(json_array_get(reals, 1));
        double v = round((a + gen_unit(r) * (b - a)) * 10) / 10;
        value = v == floor(v) ? json_integer((json_int_t)v) : json_real(v);
        snprintf(number, sizeof number, "%.10g", v);
    }
    if (value) {
        const char *hole = say ? strstr(say, "{}") : NULL;
        if (hole) {
            gen_text_add(text, say, (size_t)(hole - say));
            gen_text_adds(text, number);
            gen_text_adds(text, hole + 2);
        } else {
            gen_text_adds(text, number);
        }
        return value;
    }
    if (!say) return NULL;
    gen_text_adds(text, say);
    return json_incref(json_object_get(one, "value"));
}

/* "the the garden", "my the garden": what was filled in at `from` brings its own article. */
static void drop_article(struct gen_text *t, size_t from)
{
    static const char *const articles[] = {"the ", "my ", "your ", "a "};
    if (strncmp(t->s + from, "the ", 4) && strncmp(t->s + from, "The ", 4) &&
        strncmp(t->s + from, "my ", 3))
        return;
    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
        size_t n = strlen(articles[i]);
        if (from < n || strncmp(t->s + from - n, articles[i], n)) continue;
        if (from > n && t->s[from - n - 1] != ' ') continue;
        gen_text_erase(t, from - n, n);
        return;
    }
}

/* Set an argument (takes v). Two different values for one, as in "{person} and {person}", make a
 * list; the same value twice is no list and no good phrase. */
static int add_value(json_t *args, const char *canonical, json_t *v)
{
    json_t *old = json_object_get(args, canonical);
    size_t i;
    json_t *one;
    if (!old) return !json_object_set_new(args, canonical, v);
    int same = json_equal(old, v);
    json_array_foreach(old, i, one) same |= json_equal(one, v);
    if (same) {
        json_decref(v);
        return 0;
    }
    json_t *list = json_is_array(old) ? json_incref(old) : json_pack("[O]", old);
    int bad = json_array_append_new(list, v) != 0;
    return !json_object_set_new(args, canonical, list) && !bad;
}

int gen_fill(struct gen_rng *r, const json_t *slots, const char *phrase, gen_fill_fn fill,
             void *ctx, json_t *args, struct gen_text *text)
{
    for (const char *p = phrase; *p;) {
        size_t n = strcspn(p, "{");
        gen_text_add(text, p, n);
        p += n;
        if (!*p) break;
        size_t len = strcspn(p + 1, "}"), m = strcspn(p + 1, ":}");
        if (p[1 + len] != '}' || len >= 100) return 0;
        char slot[104], canonical[104];
        snprintf(slot, sizeof slot, "%.*s", (int)m, p + 1);
        snprintf(canonical, sizeof canonical, "%.*s", (int)(len > m ? len - m - 1 : m),
                 len > m ? p + 2 + m : p + 1);
        p += len + 2;
        const json_t *values = json_object_get(slots, slot);
        if (!values) {
            if (!fill || !fill(ctx, slot, text)) return 0;
            continue;
        }
        size_t from = text->n;
        json_t *v = draw_slot(r, values, text);
        drop_article(text, from);
        if (!v) return 0;
        if (!*canonical) { /* "{item:}": said, but no argument */
            json_decref(v);
            continue;
        }
        if (!add_value(args, canonical, v)) return 0;
    }
    return !text->over;
}
