// writer - the statements of one open SQLite database: writes batches of jobs; blocking
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/dsn.h"
#include "storage/records/record_queue.h"
#include "storage/records/rows.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {

class Writer {
public:
    // open - opens or creates the file and brings its schema up to date
    static Result<std::unique_ptr<Writer>> open(const Dsn& dsn);

    // write - all of them in one transaction. A Fault: nothing was written, try again later; one that is_no_room(): the same jobs
    // in smaller transactions may fit. Else one answer per job.
    Result<std::vector<Done>> write(const Jobs& jobs);
    bool is_stale() const noexcept { return database_->is_stale(); }

private:
    explicit Writer(std::unique_ptr<Database> database) : database_(std::move(database)) {}
    Done prepare();
    Done write_all(const Jobs& jobs, std::vector<Done>& answers);
    Done write_one(const RecordJob& job);
    bool concedes(RecordJob& job, const Done& answer);
    Done insert(const MessageRows& rows, const RecordJob& job);
    Done update(const MessageRows& rows);
    Done insert_chunks(const MessageRows& rows, const mail::QuarantineCopy& copy);

    std::unique_ptr<Database> database_;
    std::string refused_;    // why the database did not take something as it was
    bool has_said_ = false;  // that it did not
    std::unique_ptr<Statement> insert_address_, insert_message_, insert_recipient_, insert_chunk_, update_message_,
        update_recipient_;
};

}  // namespace tamis::storage::sqlite
