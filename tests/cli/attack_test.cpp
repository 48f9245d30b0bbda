// g2face attack, and the identities of anonymize that need a project or a limit.

#include <nlohmann/json.hpp>

#include "cli/program.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

struct Faces : Place {
  Faces() {
    fs::create_directories(dir / "in");
    for (int i = 0; i < 3; ++i)
      save_image(dir / str("in/", i, ".png"), g2face::fill(str("face", i), {1, 3, 64, 64}, 0.9));
  }
  Outcome attack(const std::string& more) const {
    return run_program("attack " + in("in") + " --model '" + model +
                       "' --file-keys 2000 --keys 20 --blocks 8 --quiet " + more);
  }
};

nlohmann::json row(const nlohmann::json& report, const std::string& name) {
  for (const auto& line : report.at("attacks")) {
    if (line.at("attack").get<std::string>() == name) return line;
  }
  FAIL("no row ", name);
  return {};
}

}  // namespace

TEST_CASE("attack: one table, the same each time, and nothing is accepted that should not be") {
  const Faces p;
  const Outcome first = p.attack("--json --html " + p.in("page.html"));
  REQUIRE_MESSAGE(first.code == 0, first.text);
  const auto report = nlohmann::json::parse(first.text);
  CHECK(report.at("false_accepts") == 0);
  CHECK(report.at("note").get<std::string>().find("untrained") != std::string::npos);
  for (const auto& line : report.at("attacks")) {
    CHECK_MESSAGE(line.at("false_accepts") == 0, line.dump());
    CHECK(!line.at("meaning").get<std::string>().empty());
    CHECK(!line.at("criterion").get<std::string>().empty());
  }
  CHECK(row(report, "random file keys, against the tag").at("tries") == 2000);
  CHECK(row(report, "random key files, the whole way").at("tries") == 20);
  CHECK(row(report, "flipped 0.1 %").at("opened") == row(report, "flipped 0.1 %").at("tries"));
  CHECK(row(report, "flipped 20 %").at("opened") == 0);
  CHECK(row(report, "replay: another --bind or face").at("opened") == 0);
  CHECK(row(report, "replay: the same --bind").at("opened") == 3);
  CHECK(row(report, "two images of one key, told by their locks").at("opened") == 3);
  CHECK(row(report, "one person under two keys, told by their locks").at("opened") == 0);
  CHECK(row(report, "recovery with the weights alone: --payload paper").at("opened") == 3);
  CHECK(row(report, "recovery with the weights alone: sealed").at("opened") == 0);
  CHECK(row(report, "pseudonyms of one person, one project key").at("opened") == 3);
  CHECK(read_text(p.dir / "page.html").find("random file keys") != std::string::npos);

  auto again = nlohmann::json::parse(p.attack("--json").text), before = report;
  for (auto* all : {&again, &before}) {
    for (auto& line : (*all)["attacks"]) {
      line.erase("seconds");
      if (line.at("attack").get<std::string>().starts_with("random")) line.erase("figure");  // tries a second
    }
  }
  CHECK(again == before);
}

TEST_CASE("attack: on anonymized images, with a key") {
  const Faces p;
  REQUIRE(run_program("keygen -o " + p.in("key")).code == 0);
  REQUIRE(run_program("anonymize --aligned --quiet --model '" + p.model + "' --key " + p.in("key") + " " + p.in("in") +
                      " -o " + p.in("out"))
              .code == 0);
  const Outcome r = run_program("attack " + p.in("out") + " --anonymized --model '" + p.model + "' --key " +
                                p.in("key") + " --file-keys 100 --keys 4 --blocks 4");
  CHECK_MESSAGE(r.code == 0, r.text);
  CHECK(r.says("3 anonymized images"));
  CHECK(r.says("false accepts: 0"));
  CHECK(!r.says("parrot"));
  CHECK(run_program("attack " + p.in("in") + " --model '" + p.model + "' --html " + p.in("in/0.png")).code == 2);
}

TEST_CASE("anonymize --identity per-project: a person has one face in a project, and another in another") {
  const Faces p;
  fs::copy_file(p.dir / "in/0.png", p.dir / "in/again.png");
  for (const char* key : {"one", "two"}) REQUIRE(run_program("keygen -o " + p.in(key)).code == 0);
  const auto run = [&](const std::string& out, const std::string& more) {
    return run_program(p.anonymize("in", out, "--no-recovery --identity per-project " + more));
  };
  const auto result = [&](const std::string& name) { return read_text(p.dir / name); };
  // Faces of the untrained recogniser are all alike: only a cosine of 1 tells them apart.
  const std::string same = "--same-person 0.9999999 ";
  REQUIRE(run("a", same + "--project-key " + p.in("one")).code == 0);
  CHECK(result("a/0.png") == result("a/again.png"));
  CHECK(result("a/0.png") != result("a/1.png"));
  REQUIRE(run("b", same + "--project-key " + p.in("one")).code == 0);
  CHECK(result("b/1.png") == result("a/1.png"));
  REQUIRE(run("c", same + "--project-key " + p.in("two")).code == 0);
  CHECK(result("c/0.png") != result("a/0.png"));
  CHECK((fs::status(p.dir / "one.people").permissions() & fs::perms(077)) == fs::perms::none);

  Outcome r = run("d", "--project-key " + p.in("two") + " --gallery " + p.in("one.people"));
  CHECK(r.code == 4);
  CHECK(r.says("the gallery was made with another key"));
  CHECK(run("d", "").code == 2);
  CHECK(run_program(p.anonymize("in", "d", "--gallery x")).code == 2);
}

TEST_CASE("anonymize --max-similarity: what is too like is drawn again, or fails") {
  const Faces p;
  Outcome r = run_program(p.anonymize("face.png", "a.png", "--max-similarity 1 --json --manifest " + p.in("m")));
  REQUIRE_MESSAGE(r.code == 0, r.text);
  CHECK(r.says("\"draws\":1,\"worst_similarity\":"));
  CHECK(r.says("at most to the original and the stop-list (1 was allowed)"));
  r = run_program(p.anonymize("face.png", "b.png", "--max-similarity -1 --tries 3"));
  CHECK(r.code == 1);
  CHECK(r.says("of 3 identities none was unlike enough"));
  CHECK(!fs::exists(p.dir / "b.png"));
  // Everybody looks like everybody to the untrained recogniser.
  r = run_program(p.anonymize("face.png", "b.png", "--tries 2 --stop-list " + p.in("in")));
  CHECK(r.code == 1);
  CHECK(r.says("0.3 at most was asked for"));
  CHECK(run_program(p.anonymize("face.png", "b.png", "--stop-list '" + p.model + "'")).says("no tensor 'identities'"));
}
