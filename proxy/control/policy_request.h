// policy_request - request=AM.PDP: a message that a milter holds in a file goes through the pipeline, and the milter is told
// what to do with it (docs/amavis/smtp.md 4.1)
//
// The file must belong to whoever asks, be a plain file and no symbolic link: nobody can have us read what he could not
// read himself. It is copied before anybody looks at it. Quarantine, records, notices and the log line are those of any
// other message; only the delivery is the milter's, who cannot tell recipients apart: the header edits are those of the
// recipients with the worst verdict, recipients that shall not get the message are taken out.
#pragma once

#include <string>

#include "base/async.h"
#include "mail/header_edit.h"
#include "proxy/control/ampdp_dialog.h"
#include "proxy/pipeline.h"
#include "proxy/services.h"
#include "quarantine/copy_reader.h"

namespace tamis::proxy {

struct PolicyCaller {
    std::string listener;  // socket path
    unsigned user = 0;     // by SO_PEERCRED
    mail::LogId log_id;
};

Task<AmpdpAnswer> answer_policy_request(AmpdpRequest request, PolicyCaller caller, Services& services, Pipeline& pipeline);

// open_mail_file - of a milter: absolute path, plain file, owned by `user` (root may give any); the descriptor or a Fault
Result<int> open_mail_file(const std::string& path, unsigned user);

// add_edits - the edits as a milter does them: delheader from the last one up, chgheader, insheader with the topmost last
void add_edits(AmpdpAnswer& answer, const mail::HeaderEdits& edits, const mail::Message& message);

}  // namespace tamis::proxy
