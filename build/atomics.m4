dnl Licensed under the Apache License, Version 2.0; see LICENSE.
dnl
dnl Processes share words of 8 bytes (modules/core/atomics.h).  Where the
dnl processor has no instruction for that, the compiler calls libatomic, whose
dnl locks hold within a process only: another one could read half of a word.

dnl APIKEY_CHECK_ATOMICS: 8 bytes are read and written at once.
AC_DEFUN([APIKEY_CHECK_ATOMICS], [
AC_MSG_CHECKING([that 8 bytes are read and written at once])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
typedef volatile unsigned long long word_t __attribute__((aligned(8)));
]], [[_Static_assert(__atomic_always_lock_free(8, (word_t *)0), "lock-free");
]])], [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([with $CC $CFLAGS this processor needs a lock to read
or write 8 bytes, and processes have no common one, so a revoked key could go
on to work. Compile for a later processor (32-bit x86: -march=i586 or above),
or for 64 bits.])])
])
