#include "face/hair_shell.hpp"

#include "face/head_surface.hpp"

namespace g2face::face {

HairShell hair_shell() {
  constexpr int across = 72;
  constexpr std::array<double, 30> heights = {-300, -260, -220, -185, -155, -130, -110, -92, -76,   -62,
                                              -50,  -38,  -26,  -14,  -2,   8,    18,   27,  36,    45,
                                              54,   62,   70,   78,   86,   94,   101,  107, 111.5, 114};
  HairShell shell;
  const auto add = [&](double side, bool back, double height) {
    Site s;
    s.side = side;
    s.back = back;
    s.row = std::max(height, 8.0);
    Vec3 p = place(s, {}, {});
    p.y = height;
    Vec3 out{p.x / (76 * 76), height > 20 ? (p.y - 20) / (98 * 98) : 0, p.z / (96 * 96)};
    shell.resting.push_back(p);
    shell.outwards.push_back(unit(out));
  };
  for (const double height : heights) {
    for (int j = 0; j < across; ++j) {
      const double angle = 2 * pi * j / across - pi, c = exact_cos(angle);
      add(exact_sin(angle), c < 0, height);
    }
  }
  add(0, false, crown_row);
  const auto top = static_cast<std::int32_t>(shell.resting.size()) - 1;
  for (std::int32_t j = 0; j < across; ++j) {
    const std::int32_t k = (j + 1) % across;
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(heights.size()); ++i) {
      const std::int32_t a = i * across + j, b = i * across + k, c = a + across, d = b + across;
      shell.triangles.push_back({a, b, d});
      shell.triangles.push_back({a, d, c});
    }
    const std::int32_t last = static_cast<std::int32_t>(heights.size() - 1) * across;
    shell.triangles.push_back({last + j, last + k, top});
  }
  return shell;
}

}  // namespace g2face::face
