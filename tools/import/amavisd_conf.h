// amavisd_conf - what the files of an amavisd say: the last value of every variable, and every statement that set one
//
// Reads the part of Perl that amavisd.conf is written in and never runs anything. A statement outside of it is listed with its
// line and left out, and reading goes on behind it. Bounded: nesting, text lengths, number of values. Trusts nothing.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/import/perl_value.h"

namespace tamis::tools {

// Source - a file as it was found
struct Source {
    std::string name, text;
};

// Surroundings - all that the files may ask of the machine
struct Surroundings {
    std::function<Result<std::string>(const std::string& path)> read_file = {};  // read_hash, read_array, `head -n 1 FILE`
    std::function<std::string()> host_name = {};                                 // `hostname --fqdn`; "" when it cannot be told
    std::function<bool(const std::string& path)> is_program = {};                // an executable file
    std::string mydomain = {}, myhostname = {};  // take the place of $mydomain and $myhostname when not empty
};

// Assignment - a statement that sets a variable, or a part of it
struct Assignment {
    std::string name;  // with its sign: "@av_scanners", "%policy_bank"
    std::string key;   // of the part: $policy_bank{'ORIG'}
    Place place;
    bool is_whole = true;  // what was there before is gone
};
// Call - a function of amavisd that is called for what it does: dkim_key, read_l10n_templates, include_config_files
struct Call {
    std::string name;
    Place place;
    std::vector<PerlValue> arguments;
};
struct Remark {
    Place place;
    std::string what, why;
};

struct AmavisdConf {
    std::vector<std::string> files;
    std::map<std::string, PerlValue, std::less<>> variables;  // with amavisd's defaults (place.line 0) where nothing was said
    std::vector<Assignment> assignments;
    std::vector<Call> calls;
    std::vector<Remark> not_understood;
    std::set<std::string, std::less<>> used;         // variables that other statements look at
    std::set<std::string, std::less<>> own;          // declared with my or our
    std::set<std::string, std::less<>> in_defaults;  // named by lists that amavisd has by itself

    // value - of a variable; undef when it has none. References are not followed.
    const PerlValue& value(std::string_view name) const;
    // followed - what a reference to a variable means in the end; itself when it is none. An unknown scalar is undef, an unknown
    // array or hash is empty.
    PerlValue followed(const PerlValue& value) const;
    // shown - "FILE:LINE"
    std::string shown(Place place) const;
};

// read_amavisd_conf - the files in their order; a Fault names file and line: a file that perl itself could not read
Result<AmavisdConf> read_amavisd_conf(const std::vector<Source>& sources, const Surroundings& around);

// amavisd_defaults - settings of amavisd-new 2.13 that have a value without being set, as far as they matter, in Perl
std::string_view amavisd_defaults() noexcept;

}  // namespace tamis::tools
