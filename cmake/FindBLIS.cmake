# Finds BLIS and makes the target BLIS::BLIS. Debian keeps each variant's header in a folder of its
# own (blis-openmp, blis-pthread, blis-serial); plain prefixes are looked at too.
find_path(BLIS_INCLUDE_DIR blis.h
          PATH_SUFFIXES blis-openmp blis-pthread blis-serial blis
          HINTS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
find_library(BLIS_LIBRARY blis
             PATH_SUFFIXES blis-openmp blis-pthread blis-serial
             HINTS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BLIS REQUIRED_VARS BLIS_LIBRARY BLIS_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "install libblis-dev")
if(BLIS_FOUND AND NOT TARGET BLIS::BLIS)
  add_library(BLIS::BLIS UNKNOWN IMPORTED)
  set_target_properties(BLIS::BLIS PROPERTIES IMPORTED_LOCATION ${BLIS_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${BLIS_INCLUDE_DIR})
endif()
mark_as_advanced(BLIS_INCLUDE_DIR BLIS_LIBRARY)
