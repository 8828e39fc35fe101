// pen_pals - the PenPalStore on SQLite
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/address_key.h"
#include "storage/completion.h"
#include "storage/records/rows.h"
#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/lookups.h"
#include "storage/sqlite/prepared.h"
#include "storage/sqlite/reader_thread.h"

namespace tamis::storage::sqlite {
namespace {

using Times = std::vector<std::optional<std::chrono::system_clock::time_point>>;
using TimesAnswered = Completion<Result<Times>>;

bool has_partitions(const Catalogue& catalogue) {
    return catalogue.column("msgs", "partition_tag") != nullptr && catalogue.column("msgrcpt", "partition_tag") != nullptr;
}

// newest_sql - the newest mail of ours (?1), since ?3, for which the condition holds. Addresses may be texts or blobs.
std::string newest_sql(const Catalogue& catalogue, std::string_view condition) {
    return fmt::format(
        "SELECT m.time_num FROM maddr AS ours JOIN msgs m ON m.sid=ours.id JOIN msgrcpt r ON {}r.mail_id=m.mail_id "
        "WHERE ours.email IN (?1, CAST(?1 AS BLOB)) AND m.time_num>=?3 AND m.content IS NOT 'V' AND r.ds='P' AND {} "
        "ORDER BY m.time_num DESC LIMIT 1",
        has_partitions(catalogue) ? "r.partition_tag=m.partition_tag AND " : "", condition);
}

// original_sql - mail with that Message-ID (?1) of ours, or of this sender (?2), that was handed over
std::string original_sql(const Catalogue& catalogue) {
    return fmt::format(
        "SELECT 1 FROM msgs m WHERE m.message_id=?1 AND ({}m.sid IN (SELECT id FROM maddr WHERE email IN (?2, CAST(?2 AS BLOB)))) "
        "AND EXISTS (SELECT 1 FROM msgrcpt r WHERE {}r.mail_id=m.mail_id AND r.ds='P') LIMIT 1",
        catalogue.column("msgs", "originating") != nullptr ? "m.originating='Y' OR " : "",
        has_partitions(catalogue) ? "r.partition_tag=m.partition_tag AND " : "");
}

using Known = std::optional<bool>;
using KnownAnswered = Completion<Result<Known>>;

class PenPals final : public PenPalStore {
public:
    PenPals(std::vector<Dsn> dsns, const LookupOptions& options)
        : reader_(
              std::move(dsns), options.patience, [this](Database& database) { return prepare(database); },
              [this] {
                  pen_pal_.reset();
                  reference_.reset();
                  original_.reset();
              }) {
        reader_.start();
    }
    ~PenPals() override { reader_.stop(); }

    Task<Result<Times>> last_written(PenPalQuestion question, Deadline deadline) override {
        const auto asked = std::make_shared<Asked>(*this, std::move(question), deadline);
        reader_.put(asked);
        auto answer = co_await TimesAnswered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer to the pen pals query: " + reader_.health().text());
    }
    Task<Result<Known>> knows_original(OriginalQuestion question, Deadline deadline) override {
        const auto asked = std::make_shared<OriginalAsked>(*this, std::move(question), deadline);
        reader_.put(asked);
        auto answer = co_await KnownAnswered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer to the question about a bounce: " + reader_.health().text());
    }

private:
    class Asked final : public ReaderThread::Question {
    public:
        Asked(PenPals& owner, PenPalQuestion question, Deadline until)
            : Question(until), owner_(owner), question_(std::move(question)) {}
        Done answer() override {
            Times times;
            for (const auto& recipient : question_.recipients) {
                auto time = owner_.newest(recipient, question_);
                if (!time) return std::unexpected(std::move(time.error()));
                times.push_back(*time);
            }
            TimesAnswered::set(answered, std::move(times));
            return {};
        }
        void refuse(Fault why) override { TimesAnswered::set(answered, std::unexpected(std::move(why))); }
        const TimesAnswered::Shared answered = std::make_shared<TimesAnswered>();

    private:
        PenPals& owner_;
        const PenPalQuestion question_;
    };

    class OriginalAsked final : public ReaderThread::Question {
    public:
        OriginalAsked(PenPals& owner, OriginalQuestion question, Deadline until)
            : Question(until), owner_(owner), question_(std::move(question)) {}
        Done answer() override {
            auto known = owner_.is_known(question_);
            if (!known) return std::unexpected(std::move(known.error()));
            KnownAnswered::set(answered, *known);
            return {};
        }
        void refuse(Fault why) override { KnownAnswered::set(answered, std::unexpected(std::move(why))); }
        const KnownAnswered::Shared answered = std::make_shared<KnownAnswered>();

    private:
        PenPals& owner_;
        const OriginalQuestion question_;
    };

    Done prepare(Database& database) {
        const auto any = has_table(database, "");
        if (!any) return std::unexpected(any.error());
        if (!*any)
            if (auto installed = install_steps(database, "storage_dsn"); !installed) return std::unexpected(installed.error());
        const auto catalogue = catalogue_of(database);
        if (!catalogue) return std::unexpected(catalogue.error());
        // to the sender (?2), or, with a referenced Message-ID (?4), to anybody
        auto pen_pal = prepared(
            database, newest_sql(*catalogue, "r.rid IN (SELECT id FROM maddr WHERE email IN (?2, CAST(?2 AS BLOB)))"), "");
        const bool has_message_id = catalogue->column("msgs", "message_id") != nullptr;
        auto reference =
            prepared(database, newest_sql(*catalogue, has_message_id ? "r.rid<>m.sid AND m.message_id=?4" : "?4 IS NULL"), "");
        if (!pen_pal) return std::unexpected(std::move(pen_pal.error()));
        if (!reference) return std::unexpected(std::move(reference.error()));
        pen_pal_ = std::move(*pen_pal);
        reference_ = std::move(*reference);
        original_.reset();
        if (!has_message_id) return {};  // then no message is known by it
        auto original = prepared(database, original_sql(*catalogue), "");
        if (!original) return std::unexpected(std::move(original.error()));
        original_ = std::move(*original);
        return {};
    }

    Result<Known> is_known(const OriginalQuestion& question) {
        if (!original_) return Known();
        const std::string id = stored_message_id(question.message_id, TextRules().widths.message_id);
        for (const auto& recipient : question.recipients) {
            const std::string ours = address_key(recipient, question.local_case).email;
            original_->bind_text(1, id);
            original_->bind_text(2, ours);
            const auto row = original_->step();
            original_->reset();
            if (!row) return std::unexpected(row.error());
            if (*row) return Known(true);
        }
        return Known(false);
    }

    Result<Times::value_type> newest(const std::string& recipient, const PenPalQuestion& question) {
        const std::string ours = address_key(recipient, question.local_case).email;
        const std::string sender = address_key(question.sender, question.local_case).email;
        const std::string since =
            fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(question.since.time_since_epoch()).count());
        Times::value_type best;
        const auto look = [&](Statement& statement, int last, std::string_view extra) -> Done {
            statement.bind_text(1, ours);
            statement.bind_text(3, since);
            statement.bind_text(last, extra);
            const auto row = statement.step();
            if (!row) return std::unexpected(row.error());
            const std::chrono::system_clock::time_point when{std::chrono::seconds(*row ? statement.integer(0) : 0)};
            if (*row) best = std::max(best.value_or(when), when);
            statement.reset();
            return {};
        };
        if (auto done = look(*pen_pal_, 2, sender); !done) return std::unexpected(std::move(done.error()));
        for (const auto& reference : question.references)
            if (auto done = look(*reference_, 4, stored_message_id(reference, TextRules().widths.message_id)); !done)
                return std::unexpected(std::move(done.error()));
        return best;
    }

    std::unique_ptr<Statement> pen_pal_, reference_, original_;  // only the thread
    ReaderThread reader_;                                        // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<PenPalStore> open_pen_pals(std::vector<Dsn> dsns, const LookupOptions& options) {
    return std::make_shared<PenPals>(std::move(dsns), options);
}

}  // namespace tamis::storage::sqlite
