#include "tools/import/amavisd_conf.h"

#include <fmt/format.h>

#include "tools/import/perl_reader.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

constexpr std::size_t files_most = 200;
constexpr std::size_t largest_file = 4U << 20;

// Reading - all files, which may ask for each other
class Reading {
public:
    Reading(AmavisdConf& conf, const std::vector<Source>& sources, const Surroundings& around)
        : conf_(conf), sources_(sources), around_(around), was_read_(sources.size()) {}

    Done defaults() {
        conf_.files.emplace_back("amavisd's defaults");
        return one(0, amavisd_defaults(), true);
    }
    Done all() {
        for (std::size_t i = 0; i < sources_.size(); ++i)
            if (auto done = source(i); !done) return done;
        return {};
    }

private:
    Done source(std::size_t index) {
        if (was_read_[index]) return {};
        was_read_[index] = true;
        const auto& from = sources_[index];
        if (from.text.size() > largest_file)
            return fail(Errc::over_limit, fmt::format("{}: larger than {} MiB", from.name, largest_file >> 20));
        conf_.files.push_back(from.name);
        auto done = one(conf_.files.size() - 1, from.text, false);
        if (!done && !is_named_) {
            is_named_ = true;  // a file within a file names itself
            const auto text = done.error().detail;
            const bool has_line = text.starts_with("line ");
            const auto colon = text.find(':');
            return fail(done.error().code, has_line
                                               ? fmt::format("{}:{}{}", from.name, text.substr(5, colon - 5), text.substr(colon))
                                               : fmt::format("{}: {}", from.name, text));
        }
        return done;
    }
    Done one(std::size_t file, std::string_view text, bool is_defaults) {
        PerlReader reader(
            conf_, around_, budget_, [this](const std::string& name) { return include(name); }, file, text, is_defaults);
        return reader.read();
    }
    Result<bool> include(const std::string& name) {
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            if (sources_[i].name != name) continue;
            if (auto done = source(i); !done) return std::unexpected(std::move(done.error()));
            return true;
        }
        return false;
    }

    AmavisdConf& conf_;
    const std::vector<Source>& sources_;
    const Surroundings& around_;
    Budget budget_;
    std::vector<bool> was_read_;
    bool is_named_ = false;
};

}  // namespace

const PerlValue& AmavisdConf::value(std::string_view name) const {
    static const PerlValue none;
    const auto found = variables.find(name);
    return found == variables.end() ? none : found->second;
}

PerlValue AmavisdConf::followed(const PerlValue& value) const {
    PerlValue at = value;
    constexpr int most = 20;  // a reference to a reference ... to itself
    for (int i = 0; at.is(Kind::variable) && i < most; ++i) {
        const auto found = variables.find(at.text);
        if (found != variables.end()) {
            at = found->second;
            continue;
        }
        const char sign = at.text.front();
        if (sign == '&') return at;
        return {sign == '@' ? Kind::list : sign == '%' ? Kind::table : Kind::undef, at.place};
    }
    return at;
}

std::string AmavisdConf::shown(Place place) const {
    if (place.line == 0 || place.file >= files.size()) return files.empty() ? std::string() : files.front();
    return fmt::format("{}:{}", files[place.file], place.line);
}

Result<AmavisdConf> read_amavisd_conf(const std::vector<Source>& sources, const Surroundings& around) {
    AmavisdConf conf;
    if (sources.size() > files_most) return fail(Errc::over_limit, fmt::format("more than {} files", files_most));
    Reading reading(conf, sources, around);
    if (auto done = reading.defaults(); !done) return std::unexpected(std::move(done.error()));
    conf.in_defaults = std::move(conf.used);
    conf.used.clear();
    conf.own.clear();
    for (const auto& [name, given] : {std::pair{"$mydomain", &around.mydomain}, std::pair{"$myhostname", &around.myhostname}})
        if (!given->empty()) conf.variables[name] = text_value(*given, {});
    if (auto done = reading.all(); !done) return std::unexpected(std::move(done.error()));
    return conf;
}

std::string_view amavisd_defaults() noexcept {
    static constexpr std::string_view text = R"perl(
$myproduct_name = 'Tamis';
$MYHOME = '/var/lib/amavis';   # Debian's; elsewhere the files say it
@local_domains_maps = (\%local_domains, \@local_domains_acl, \$local_domains_re);
@mynetworks_maps = (\@mynetworks);
@client_ipaddr_policy = (\@mynetworks => 'MYNETS');
@virus_lovers_maps = (\%virus_lovers, \@virus_lovers_acl, \$virus_lovers_re);
@spam_lovers_maps = (\%spam_lovers, \@spam_lovers_acl, \$spam_lovers_re);
@unchecked_lovers_maps = (\%unchecked_lovers, \@unchecked_lovers_acl, \$unchecked_lovers_re);
@banned_files_lovers_maps = (\%banned_files_lovers, \@banned_files_lovers_acl, \$banned_files_lovers_re);
@bad_header_lovers_maps = (\%bad_header_lovers, \@bad_header_lovers_acl, \$bad_header_lovers_re);
@bypass_virus_checks_maps = (\%bypass_virus_checks, \@bypass_virus_checks_acl, \$bypass_virus_checks_re);
@bypass_spam_checks_maps = (\%bypass_spam_checks, \@bypass_spam_checks_acl, \$bypass_spam_checks_re);
@bypass_banned_checks_maps = (\%bypass_banned_checks, \@bypass_banned_checks_acl, \$bypass_banned_checks_re);
@bypass_header_checks_maps = (\%bypass_header_checks, \@bypass_header_checks_acl, \$bypass_header_checks_re);
@spam_tag_level_maps = (\$sa_tag_level_deflt);
@spam_tag2_level_maps = (\$sa_tag2_level_deflt);
@spam_tag3_level_maps = (\$sa_tag3_level_deflt);
@spam_kill_level_maps = (\$sa_kill_level_deflt);
@spam_dsn_cutoff_level_maps = (\$sa_dsn_cutoff_level);
@spam_quarantine_cutoff_level_maps = (\$sa_quarantine_cutoff_level);
@spam_subject_tag_maps = (\$sa_spam_subject_tag1);
@spam_subject_tag2_maps = (\$sa_spam_subject_tag);
@virus_quarantine_to_maps = (\$virus_quarantine_to);
@banned_quarantine_to_maps = (\$banned_quarantine_to);
@unchecked_quarantine_to_maps = (\$unchecked_quarantine_to);
@spam_quarantine_to_maps = (\$spam_quarantine_to);
@bad_header_quarantine_to_maps = (\$bad_header_quarantine_to);
@clean_quarantine_to_maps = (\$clean_quarantine_to);
@archive_quarantine_to_maps = (\$archive_quarantine_to);
@virus_admin_maps = (\%virus_admin, \$virus_admin);
@newvirus_admin_maps = (\$newvirus_admin);
@spam_admin_maps = (\%spam_admin, \$spam_admin);
@banned_admin_maps = (\$banned_admin);
@bad_header_admin_maps = (\$bad_header_admin);
@warnvirusrecip_maps = (\$warnvirusrecip);
@warnbannedrecip_maps = (\$warnbannedrecip);
@warnbadhrecip_maps = (\$warnbadhrecip);
@addr_extension_virus_maps = (\$addr_extension_virus);
@addr_extension_spam_maps = (\$addr_extension_spam);
@addr_extension_banned_maps = (\$addr_extension_banned);
@addr_extension_bad_header_maps = (\$addr_extension_bad_header);
@banned_filename_maps = ('DEFAULT');
@whitelist_sender_maps = (\%whitelist_sender, \@whitelist_sender_acl, \$whitelist_sender_re);
@blacklist_sender_maps = (\%blacklist_sender, \@blacklist_sender_acl, \$blacklist_sender_re);
@spam_scanners = (['SpamAssassin', 'Amavis::SpamControl::SpamAssassin']);
$virus_quarantine_method = 'local:virus-%m';
$spam_quarantine_method = 'local:spam-%m.gz';
$banned_files_quarantine_method = 'local:banned-%m';
$bad_header_quarantine_method = 'local:badh-%m';
$virus_quarantine_to = 'virus-quarantine';
$banned_quarantine_to = 'banned-quarantine';
$unchecked_quarantine_to = 'unchecked-quarantine';
$spam_quarantine_to = 'spam-quarantine';
$bad_header_quarantine_to = 'bad-header-quarantine';
$clean_quarantine_to = 'clean-quarantine';
$archive_quarantine_to = 'archive-quarantine';
$final_virus_destiny = D_DISCARD;
$final_banned_destiny = D_DISCARD;
$final_unchecked_destiny = D_PASS;
$final_spam_destiny = D_PASS;
$final_bad_header_destiny = D_PASS;
$undecipherable_subject_tag = '***UNCHECKED*** ';
$requeue_method = 'smtp:[127.0.0.1]:25';
$penpals_threshold_low = 1.0;
)perl";
    return text;
}

}  // namespace tamis::tools
