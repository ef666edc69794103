dnl Licensed under the Apache License, Version 2.0; see LICENSE.
dnl
dnl apxs says how httpd was built, so that the module is compiled and linked
dnl the same way as the server that will load it.

dnl APIKEY_FIND_APXS: APXS, and apxs_cc: httpd's own compiler.
AC_DEFUN([APIKEY_FIND_APXS], [
AC_ARG_WITH([apxs],
    [AS_HELP_STRING([--with-apxs=PATH], [httpd's apxs @<:@from PATH@:>@])],
    [], [with_apxs=yes])
AS_CASE([$with_apxs],
    [yes], [AC_PATH_PROGS([APXS], [apxs apxs2], [],
                          [$PATH:/usr/local/apache2/bin:/usr/sbin])],
    [no], [AC_MSG_ERROR([an httpd module cannot be built without apxs])],
    [APXS=$with_apxs])
AS_IF([test -z "$APXS"], [AC_MSG_ERROR([apxs was not found. Install httpd's
development files (Debian: apache2-dev) or say --with-apxs=PATH.])])
AS_IF([$APXS -q LIBEXECDIR >/dev/null 2>&1], [],
      [AC_MSG_ERROR([$APXS does not answer "-q LIBEXECDIR"; say
--with-apxs=PATH of a working one.])])
apxs_cc=`$APXS -q CC`
AS_IF([test -z "$user_cflags"], [CFLAGS=`$APXS -q CFLAGS`])
AC_SUBST([APXS])
])

dnl APIKEY_APR_SAYS(VARIABLE, PROGRAM, ANSWERS): what an apr-config says.
AC_DEFUN([APIKEY_APR_SAYS], [
$1=`$2 $3` || AC_MSG_ERROR([$2 $3 failed; install APR's development files
(Debian: libapr1-dev, libaprutil1-dev).])
AC_SUBST([$1])
])

dnl APIKEY_CHECK_APR: the flags of modules/core, modules/store and modules/cli,
dnl which must not find httpd's headers.
AC_DEFUN([APIKEY_CHECK_APR], [
APR_CONFIG=`$APXS -q APR_CONFIG`
APU_CONFIG=`$APXS -q APU_CONFIG`
AC_MSG_CHECKING([for APR and APR-util])
APIKEY_APR_SAYS([APR_CPPFLAGS], [$APR_CONFIG], [--cppflags])
APIKEY_APR_SAYS([APR_INCLUDES], [$APR_CONFIG], [--includes])
APIKEY_APR_SAYS([APU_INCLUDES], [$APU_CONFIG], [--includes])
APIKEY_APR_SAYS([APR_LIBS], [$APR_CONFIG], [--link-ld --libs])
APIKEY_APR_SAYS([APU_LIBS], [$APU_CONFIG], [--link-ld])
apikey_version="`$APR_CONFIG --version`, `$APU_CONFIG --version`"
AC_MSG_RESULT([$apikey_version])
apikey_cppflags=$CPPFLAGS
CPPFLAGS="$CPPFLAGS $APR_CPPFLAGS $APR_INCLUDES $APU_INCLUDES"
AC_MSG_CHECKING([that APR's flags alone do not find httpd])
AC_PREPROC_IFELSE([AC_LANG_SOURCE([[#include <httpd.h>]])],
    [AC_MSG_RESULT([they do; t/guard alone keeps the layers apart])],
    [AC_MSG_RESULT([yes])])
CPPFLAGS=$apikey_cppflags
])

dnl APIKEY_CHECK_HTTPD: httpd's own flags, libtool, folders and program.
AC_DEFUN([APIKEY_CHECK_HTTPD], [
LIBTOOL="`$APXS -q LIBTOOL` --silent"
HTTPD_CPPFLAGS="-I`$APXS -q INCLUDEDIR` `$APXS -q EXTRA_CPPFLAGS`"
moduledir=`$APXS -q LIBEXECDIR`
HTTPD="`$APXS -q SBINDIR`/`$APXS -q PROGNAME`"
apikey_cppflags=$CPPFLAGS
CPPFLAGS="$CPPFLAGS $HTTPD_CPPFLAGS $APR_INCLUDES $APU_INCLUDES"
AC_MSG_CHECKING([for httpd 2.4's headers])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include <httpd.h>
#include <apr_dbd.h>
#include <mod_dbd.h>
#if !AP_MODULE_MAGIC_AT_LEAST(20120211, 0)
#error too old
#endif
]])], [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([httpd 2.4's headers were not found where $APXS says;
see config.log.])])
CPPFLAGS=$apikey_cppflags
AC_SUBST([LIBTOOL])
AC_SUBST([HTTPD_CPPFLAGS])
AC_SUBST([moduledir])
AC_SUBST([HTTPD])
])

dnl APIKEY_CHECK_OPENSSL: 1.1.1 or later.  LibreSSL calls itself 2.0.0 and has
dnl no RAND_priv_bytes.
AC_DEFUN([APIKEY_CHECK_OPENSSL], [
AC_MSG_CHECKING([for OpenSSL 1.1.1 or later])
apikey_libs=$LIBS
LIBS="-lcrypto $LIBS"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <openssl/evp.h>
#include <openssl/rand.h>
#if OPENSSL_VERSION_NUMBER < 0x10101000L || defined(LIBRESSL_VERSION_NUMBER)
#error another library
#endif
]], [[unsigned char x;
return EVP_sha256() == 0 || RAND_priv_bytes(&x, 1) != 1;]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([install OpenSSL's development files (Debian: libssl-dev),
or name them with CPPFLAGS and LDFLAGS. LibreSSL is no substitute.])])
LIBS=$apikey_libs
OPENSSL_LIBS=-lcrypto
AC_SUBST([OPENSSL_LIBS])
])
