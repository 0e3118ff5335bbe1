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
  # The header of the OpenMP variant includes <omp.h> and then uses nothing of it. gcc brings that
  # header, clang only has it with libomp's development files. Without them an empty one stands in;
  # it is for users of BLIS::BLIS alone and is searched last, so that a real one always wins. (gcc's
  # own copy is no help: clang cannot read it, and its folder holds headers that break clang's.)
  include(CheckIncludeFile)
  check_include_file(omp.h BLIS_HAVE_OMP_H)
  if(NOT BLIS_HAVE_OMP_H)
    set(blis_stand_in ${CMAKE_CURRENT_BINARY_DIR}/blis-omp)
    file(WRITE ${blis_stand_in}/omp.h
         "/* Empty: blis.h includes omp.h, which this compiler lacks, and needs nothing of it. */\n")
    set_target_properties(BLIS::BLIS PROPERTIES
                          INTERFACE_COMPILE_OPTIONS "SHELL:-idirafter ${blis_stand_in}")
  endif()
endif()
mark_as_advanced(BLIS_INCLUDE_DIR BLIS_LIBRARY)
