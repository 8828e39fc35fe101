// file_rights - who may do what with a path, by mode and owner; for users other than ourselves
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis {

struct Person {
    std::string name;
    unsigned user = 0;
    std::vector<unsigned> groups;
};
// find_person - an account with all its groups; false when there is none of that name
bool find_person(const std::string& name, Person& into);

// Step - one part of a path: what stat() says of it
struct Step {
    std::string path;
    unsigned mode = 0, user = 0, group = 0;
};
// obstacle - the first step that stops this person on the way to the last: x on directories, `wanted` (4 r, 2 w, 1 x) at the
// end; empty when nothing does. Access lists (ACLs) are not known here. Pure.
std::string obstacle(const Person& person, const std::vector<Step>& steps, unsigned wanted);

// steps_of - of an absolute path, from "/" on; ends early where something is missing
std::vector<Step> steps_of(const std::string& path);

}  // namespace tamis
