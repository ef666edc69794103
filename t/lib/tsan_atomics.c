/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* APR's atomic operations, as ThreadSanitizer can see them.
 *
 * httpd hands pools from thread to thread over lists without a lock
 * (ap_push_pool), with atomics that lie in libapr, which was not compiled with
 * ThreadSanitizer: it would take each use of such a pool's memory for a race.
 * Loaded before libapr, for tests alone. */

#include <apr_atomic.h>

#define ORDER __ATOMIC_SEQ_CST

APR_DECLARE(apr_uint32_t) apr_atomic_read32(volatile apr_uint32_t *mem)
{
    return __atomic_load_n(mem, ORDER);
}

APR_DECLARE(void) apr_atomic_set32(volatile apr_uint32_t *mem,
                                   apr_uint32_t value)
{
    __atomic_store_n(mem, value, ORDER);
}

APR_DECLARE(apr_uint32_t) apr_atomic_add32(volatile apr_uint32_t *mem,
                                           apr_uint32_t value)
{
    return __atomic_fetch_add(mem, value, ORDER);
}

APR_DECLARE(void) apr_atomic_sub32(volatile apr_uint32_t *mem,
                                   apr_uint32_t value)
{
    __atomic_fetch_sub(mem, value, ORDER);
}

APR_DECLARE(apr_uint32_t) apr_atomic_inc32(volatile apr_uint32_t *mem)
{
    return __atomic_fetch_add(mem, 1, ORDER);
}

APR_DECLARE(int) apr_atomic_dec32(volatile apr_uint32_t *mem)
{
    return __atomic_sub_fetch(mem, 1, ORDER) != 0;
}

APR_DECLARE(apr_uint32_t) apr_atomic_cas32(volatile apr_uint32_t *mem,
                                           apr_uint32_t with,
                                           apr_uint32_t compare)
{
    __atomic_compare_exchange_n(mem, &compare, with, 0, ORDER, ORDER);
    return compare;
}

APR_DECLARE(apr_uint32_t) apr_atomic_xchg32(volatile apr_uint32_t *mem,
                                            apr_uint32_t value)
{
    return __atomic_exchange_n(mem, value, ORDER);
}

APR_DECLARE(void *) apr_atomic_casptr(volatile void **mem, void *with,
                                      const void *compare)
{
    void *was = (void *)compare;

    __atomic_compare_exchange_n((void *volatile *)mem, &was, with, 0, ORDER,
                                ORDER);
    return was;
}

APR_DECLARE(void *) apr_atomic_xchgptr(volatile void **mem, void *with)
{
    return __atomic_exchange_n((void *volatile *)mem, with, ORDER);
}
