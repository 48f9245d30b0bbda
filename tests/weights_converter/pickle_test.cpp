#include "weights_converter/pickle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "weights_converter/opened.hpp"
#include "weights_converter/pickle_builder.hpp"

using namespace g2face;
using namespace g2face::test;
using namespace g2face::test::pickled;
namespace pickle = weights::pickle;
using pickle::Kind;

namespace {

std::string said(const std::string& bytes) {
  return message_of<WeightFileError>([&] { pickle::read(weights::bytes_of(bytes), "F"); });
}

/// A literal with all its zeros.
template <std::size_t size>
std::string raw(const char (&text)[size]) {
  return {text, size - 1};
}

/// A pickle's value, as Python prints it, more or less.
std::string shown(const pickle::Pickle& p, pickle::Ref ref) {
  const pickle::Value& v = p.at(ref);
  const auto items = [&](const char* begin, const char* end) {
    std::string all = begin;
    for (const pickle::Ref item : v.items) all += shown(p, item) + ",";
    return all + end;
  };
  switch (v.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return v.number != 0 ? "True" : "False";
    case Kind::integer:
      return str(v.number);
    case Kind::real:
      return str(v.real());
    case Kind::text:
      return "'" + std::string(v.text) + "'";
    case Kind::bytes:
      return "b'" + std::string(v.text) + "'";
    case Kind::tuple:
      return items("(", ")");
    case Kind::list:
      return items("[", "]");
    case Kind::dict:
      return items("{", "}");
    default:
      return std::string(name_of(v.kind));
  }
}
std::string shown(const std::string& bytes) {
  const pickle::Pickle p = pickle::read(weights::bytes_of(bytes), "F");
  CHECK(p.size == bytes.size());
  return shown(p, p.root);
}

}  // namespace

TEST_CASE("pickle: the same object in protocols 0 to 5") {
  // pickle.dumps({"a": [1, -2, 300, 70000, 2**40, True, None], "b": (0.5, "x\u20ac\n", b"\x00z")}, protocol)
  const std::string expected = "{'a',[1,-2,300,70000,1099511627776,True,None,],'b',(0.5,'x\xe2\x82\xac\n',";
  const std::string p0 =
      "(dp0\nVa\np1\n(lp2\nI1\naI-2\naI300\naI70000\naL1099511627776L\naI01\naNasVb\np3\n(F0.5\nVx\\u20ac\\u000a\np4\n"
      "c_codecs\nencode\np5\n(V\\u0000z\np6\nVlatin1\np7\ntp8\nRp9\ntp10\ns.";
  CHECK(shown(p0) == expected + "an object,),}");
  const std::string p2 =
      raw("\x80\x02}q\x00(X\x01\x00\x00\x00"
          "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x88Ne"
          "X\x01\x00\x00\x00"
          "bq\x03G?\xe0\x00\x00\x00\x00\x00\x00X\x05\x00\x00\x00x\xe2\x82\xac\nq\x04"
          "c_codecs\nencode\nq\x05"
          "X\x02\x00\x00\x00\x00zq\x06X\x06\x00\x00\x00latin1q\x07\x86q\x08Rq\t\x87q\nu.");
  CHECK(shown(p2) == expected + "an object,),}");
  const std::string body =
      raw("}\x94(\x8c\x01"
          "a\x94]\x94(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x88Ne\x8c\x01"
          "b\x94"
          "G?\xe0\x00\x00\x00\x00\x00\x00\x8c\x05x\xe2\x82\xac\n\x94"
          "C\x02\x00z\x94\x87\x94u.");
  for (const char protocol : {'\4', '\5'}) {
    const std::string framed =
        std::string("\x80") + protocol + "\x95" + number_bytes<std::uint64_t>(body.size()) + body;
    CHECK(shown(framed) == expected + raw("b'\0z',),}"));
  }
}

TEST_CASE("pickle: single opcodes") {
  CHECK(shown("(I5\nI6\nl.") == "[5,6,]");
  CHECK(shown("S'a\\n\\x41\\'\\101'\n.") == "'a\nA'A'");
  CHECK(shown("U\x02hi.") == "'hi'");
  CHECK(shown(raw("T\x02\0\0\0hi.")) == "'hi'");
  CHECK(shown(raw("\x8b\x01\0\0\0\xff.")) == "-1");
  CHECK(shown(raw("\x8a\0.")) == "0");
  CHECK(shown("(K\x01K\x02"
              "d.") == "{1,2,}");
  CHECK(shown("](K\x01K\x02"
              "e.") == "[1,2,]");
  CHECK(shown("K\x01K\x02"
              "0.") == "1");
  CHECK(shown("K\x01(K\x02K\x03"
              "1.") == "1");
  CHECK(shown("K\x01(0.") == "1");
  CHECK(shown("K\x05"
              "2\x86.") == "(5,5,)");
  CHECK(shown(raw("]r\x03\0\0\0K\x01"
                  "a0j\x03\0\0\0.")) == "[1,]");
  CHECK(shown(raw("\x80\x02]q\0K\1ah\0\x86.")) == "([1,],[1,],)");
  CHECK(shown("\x8f(K\x01\x90.") == "an object");
  CHECK(shown("(K\x01\x91.") == "an object");
  CHECK(shown("\x80\x05\x8c\x0b"
              "collections\x8c\x0bOrderedDict\x93)R.") == "{}");
  CHECK(shown("ccollections\nOrderedDict\n((lp0\n(lp1\nVk\naI1\naatR.") == "{'k',1,}");
  CHECK(shown("(icollections\nOrderedDict\n.") == "{}");
  CHECK(shown("(ccollections\nOrderedDict\no.") == "{}");
  CHECK(shown("ccollections\ndefaultdict\n(c__builtin__\ndict\ntR(K\x01K\x02u.") == "{1,2,}");
  CHECK(shown("ctorch\nSize\n((K\x01K\x02ttR.") == "(1,2,)");
  CHECK(shown("ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR}b.") == "an object");
  CHECK(shown("ctorch.optim.adam\nAdam\n)\x81}(U\x01xK\x01ub.") == "an object");
}

TEST_CASE("pickle: a global that is not on the list is refused by its name, however it is asked for") {
  const std::string call = "(S'touch g2face_pickle_was_executed'\ntR.";
  const std::vector<std::pair<std::string, std::string>> hostile{
      {"cposix\nsystem\n" + call, "posix.system"},
      {"cos\nsystem\n" + call, "os.system"},
      {"cnt\nsystem\n" + call, "nt.system"},
      {"c__builtin__\neval\n" + call, "__builtin__.eval"},
      {"cbuiltins\nexec\n" + call, "builtins.exec"},
      {"cbuiltins\ngetattr\n" + call, "builtins.getattr"},
      {"csubprocess\nPopen\n)\x81.", "subprocess.Popen"},
      {"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "posix.system"},
      {"(S'x'\niposix\nsystem\n.", "posix.system"},
      {"(cposix\nsystem\nS'x'\no.", "posix.system"},
      {"\x80\x04\x8c\x02os\x8c\x0bpath.exists\x93.", "os.path.exists"},
      {"ctorch.optim\n_multi_tensor\n.", "torch.optim._multi_tensor"},
      {"ctorch\nload\n.", "torch.load"},
      {"ctorch._utils\n_import_dotted_name\n.", "torch._utils._import_dotted_name"},
      {"ctorch.hub\nload\n.", "torch.hub.load"},
      {"cnumpy.testing._private.utils\nrunstring\n.", "numpy.testing._private.utils.runstring"},
  };
  for (const auto& item : hostile) {
    CHECK(said(item.first).find("it asks for '" + item.second + "'") != std::string::npos);
  }
  CHECK(!std::filesystem::exists("g2face_pickle_was_executed"));
}

TEST_CASE("pickle: what is damaged or hostile is refused") {
  CHECK(said("").find("needs 1 more bytes") != std::string::npos);
  CHECK(said("\x80\x06N.").find("a protocol later than 5") != std::string::npos);
  CHECK(said(".").find("the stack is empty") != std::string::npos);
  CHECK(said("NN.").find("values are left over") != std::string::npos);
  CHECK(said("(N.").find("left over") != std::string::npos);
  CHECK(said("t.").find("there is no mark") != std::string::npos);
  CHECK(said("(\x85.").find("the stack is empty") != std::string::npos);
  CHECK(said("h\x05.").find("memo 5 is not set") != std::string::npos);
  CHECK(said("Nr\xff\xff\xff\xff.").find("memo 4294967295 is out of range") != std::string::npos);
  CHECK(said("Np18446744073709551615\n.").find("out of range") != std::string::npos);
  CHECK(said("Np-1\n.").find("'-1' is not a number") != std::string::npos);
  CHECK(said("X\xff\xff\xff\xff"
             "abc.")
            .find("needs 4294967295 more bytes, but only 4 follow") != std::string::npos);
  CHECK(said("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
             "a.")
            .find("a negative length") != std::string::npos);
  CHECK(said("T\xff\xff\xff\xff.").find("a negative length") != std::string::npos);
  CHECK(said("Iabc\n.").find("'abc' is not a number") != std::string::npos);
  CHECK(said("Vabc").find("a line does not end") != std::string::npos);
  CHECK(said("S'abc\n.").find("lacks its quotes") != std::string::npos);
  CHECK(said("}(Nu.").find("a key has no value") != std::string::npos);
  CHECK(said("NNa.").find("items are added to None") != std::string::npos);
  CHECK(said("N)R.").find("what is called is None") != std::string::npos);
  CHECK(said("ctorch\nFloatStorage\n)R.").find("is called, but it is no function") != std::string::npos);
  CHECK(said("N}b.").find("a state is given to None") != std::string::npos);
  CHECK(said("NQ.").find("what names a storage is None") != std::string::npos);
  CHECK(said("Pabc\n.").find("opcode 80 is not known or not allowed") != std::string::npos);
  CHECK(said("\x82\x01.").find("opcode 130 is not known or not allowed") != std::string::npos);
  CHECK(said("\x97.").find("opcode 151 is not known or not allowed") != std::string::npos);
  CHECK(said("ctorch._utils\n_rebuild_tensor_v2\n)R.").find("lacks its argument 4") != std::string::npos);
  CHECK(said(std::string(pickle::most_values + 1, ']')).find("more than 2097152 values") != std::string::npos);
}

TEST_CASE("pickle: nesting without end, in itself and in the number of ways, is refused") {
  const auto refused = [](const std::string& body) { return refusal(weights::open_torch_zip, torch_zip(body)); };
  CHECK(refused("]q\1h\1a").find("nested deeper than 64 levels") != std::string::npos);
  CHECK(refused(std::string(100'000, ']') + std::string(99'999, 'a')).find("nested deeper") != std::string::npos);
  // A list of two times the list before it, 40 times.
  std::string laughs = "]";
  for (int i = 0; i < 40; ++i) laughs = "](" + laughs + "2e";
  CHECK(refused(laughs).find("more than 1048576 values are nested") != std::string::npos);
  // Dicts made of dicts, each twice the last.
  std::string copies = "}(K\1K\2u";
  for (int i = 0; i < 40; ++i) {
    copies = "ccollections\nOrderedDict\n(](" + copies + "2\x86" + "2etR";
  }
  CHECK(!refused(copies).empty());
}

TEST_CASE("pickle: cut short or with flipped bits, it is read or refused in one line") {
  const std::string t = tensor(storage("FloatStorage", "0", 4), 0, {4}, {1});
  const std::string body = dict({text("a"), t, text("l"), "](" + t + integer(3) + "e", text("o"),
                                 "ctorch.optim.sgd\nSGD\n)\x81}b", text("s"), "S'\\x41'\n", text("v"), "V\\u20ac\n"});
  const std::string bytes = program(body);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CHECK(said(bytes.substr(0, n)).find("F: byte") == 0);
  }
  for (std::size_t i = 0; i < 8 * bytes.size(); i += 3) {
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    const std::string zip = ZipBuilder().add("a/data.pkl", damaged).add("a/data/0", floats({1, 2, 3, 4})).str();
    read_or_refused(weights::open_torch_zip, zip);
  }
}
