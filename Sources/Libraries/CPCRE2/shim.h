// PCRE2's header needs the code unit width chosen before it is read.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
