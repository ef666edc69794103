dnl Licensed under the Apache License, Version 2.0; see LICENSE.
dnl
dnl Warnings are always on; what costs speed needs an option of configure.

AC_DEFUN([APIKEY_INSTRUMENTS], [
WARNINGS="-std=gnu99 -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes"
INSTRUMENT=
SANITIZER=no
COVERAGE=no

AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [a warning is an error])],
    [], [enable_werror=no])
AS_IF([test "$enable_werror" != no], [WARNINGS="$WARNINGS -Werror"])

AC_ARG_ENABLE([sanitizer],
    [AS_HELP_STRING([--enable-sanitizer=address|thread],
                    [AddressSanitizer with UBSan, or ThreadSanitizer])],
    [], [enable_sanitizer=no])
AS_CASE([$enable_sanitizer],
    [no], [],
    [address|yes], [SANITIZER=address
        INSTRUMENT="-fsanitize=address,undefined"],
    [thread], [SANITIZER=thread
        INSTRUMENT="-fsanitize=thread"],
    [AC_MSG_ERROR([--enable-sanitizer knows address and thread])])
AS_IF([test "$SANITIZER" != no -a -z "$user_cflags"],
      [CFLAGS="-pipe -g -O1 -fno-omit-frame-pointer"])

AC_ARG_ENABLE([coverage],
    [AS_HELP_STRING([--enable-coverage], [count executed lines for gcov])],
    [], [enable_coverage=no])
AS_IF([test "$enable_coverage" != no], [COVERAGE=yes
    INSTRUMENT="$INSTRUMENT --coverage"
    AS_IF([test -z "$user_cflags"], [CFLAGS="-pipe -g -O0"])])

AS_IF([test -n "$INSTRUMENT"], [
    AC_MSG_CHECKING([whether $CC knows$INSTRUMENT])
    apikey_cflags=$CFLAGS
    CFLAGS="$CFLAGS $INSTRUMENT"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([install its runtime library, or take another CC])])
    CFLAGS=$apikey_cflags])
AC_SUBST([WARNINGS])
AC_SUBST([INSTRUMENT])
AC_SUBST([SANITIZER])
AC_SUBST([COVERAGE])
])
