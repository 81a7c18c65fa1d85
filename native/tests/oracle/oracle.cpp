// SPDX-License-Identifier: Apache-2.0
#include "oracle/oracle.hpp"

#include <string>

#include "monster_bfbs_generated.h"
#include "monster_generated.h"
#include "order_bfbs_generated.h"
#include "order_generated.h"
#include "shapes_bfbs_generated.h"
#include "shapes_generated.h"
#include "tree_bfbs_generated.h"
#include "tree_generated.h"

namespace millrace::tests {

namespace {

using flatbuffers::FlatBufferBuilder;

Buffer bytes_of(const FlatBufferBuilder& builder) {
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

template <class Table>
Buffer pack(const typename Table::NativeTableType& object, const char* identifier) {
  FlatBufferBuilder builder;
  builder.Finish(Table::Pack(builder, &object), identifier);
  return bytes_of(builder);
}

/// What the object API unpacks went through every accessor.
template <class Table>
void read(const std::uint8_t* bytes) {
  const std::unique_ptr<typename Table::NativeTableType> object(flatbuffers::GetRoot<Table>(bytes)->UnPack());
}

template <class Table, bool (*verify)(flatbuffers::Verifier&)>
bool accepts(const std::uint8_t* bytes, std::size_t length, std::uint32_t max_depth, std::uint32_t max_tables) {
  flatbuffers::Verifier verifier(bytes, length, max_depth, max_tables);
  return verify(verifier);
}

template <class Union, class Value>
Union make_union(decltype(Union::type) type, Value value) {
  Union made;
  made.type = type;
  made.value = new Value(std::move(value));
  return made;
}

// ---- order

std::vector<Buffer> orders() {
  market::OrderT order;
  order.symbol = "";
  std::vector<Buffer> made = {pack<market::Order>(order, market::OrderIdentifier())};
  order.id = 12;
  order.symbol = "ACME";
  order.side = market::Side_Sell;
  order.quantity = 100;
  order.price = std::make_unique<market::Price>(12345, -2);
  order.tags = {"day", "", "all or none"};
  order.fills = {market::Price(1, 0), market::Price(2, 1)};
  order.note = "by the opening";
  for (const char* symbol : {"ACME", "EMCA", ""}) {
    auto leg = std::make_unique<market::LegT>();
    leg->symbol = symbol;
    leg->ratio = 2;
    leg->price = std::make_unique<market::Price>(3, 0);
    order.legs.push_back(std::move(leg));
  }
  made.push_back(pack<market::Order>(order, market::OrderIdentifier()));
  return made;
}

// ---- monster

using game::world::EquipmentUnion;

game::world::Place place(float x) {
  const std::int16_t history[] = {1, 2, 3};
  const game::world::Grip grips[] = {game::world::Grip(5, true), game::world::Grip(6, false)};
  return {x, 2, 3, game::world::Color_Green, history, grips};
}

game::world::WeaponT weapon(const char* name, int more) {
  game::world::WeaponT made;
  made.name = name;
  made.damage = 7;
  if (more > 0) made.next = std::make_unique<game::world::WeaponT>(weapon(name, more - 1));
  return made;
}

std::vector<EquipmentUnion> equipment() {
  game::world::SkillT skill;
  skill.id = "jump";
  skill.value = -1;
  std::vector<EquipmentUnion> made;
  made.push_back(make_union<EquipmentUnion>(game::world::Equipment_Weapon, weapon("axe", 0)));
  made.push_back(make_union<EquipmentUnion>(game::world::Equipment_Skill, std::move(skill)));
  made.push_back(make_union<EquipmentUnion>(game::world::Equipment_Spot, place(1)));
  made.push_back(make_union<EquipmentUnion>(game::world::Equipment_Label, std::string("a label")));
  made.push_back(make_union<EquipmentUnion>(game::world::Equipment_Spare, weapon("", 1)));
  return made;
}

game::world::MonsterT small_monster() {
  game::world::MonsterT monster;
  monster.name = "orc";
  monster.must = make_union<EquipmentUnion>(game::world::Equipment_Label, std::string());
  monster.home = std::make_unique<game::world::Place>(place(0));
  return monster;
}

std::vector<Buffer> monsters() {
  game::world::MonsterT monster = small_monster();
  std::vector<Buffer> made = {pack<game::world::Monster>(monster, game::world::MonsterIdentifier())};
  FlatBufferBuilder inner;
  inner.Finish(game::world::Monster::Pack(inner, &monster));
  monster.inner = bytes_of(inner);
  monster.place = std::make_unique<game::world::Place>(place(9));
  monster.mana = 1;
  monster.inventory = {1, 2, 3, 4, 5};
  monster.weapons.push_back(std::make_unique<game::world::WeaponT>(weapon("bow", 2)));
  monster.weapons.push_back(std::make_unique<game::world::WeaponT>(weapon("sword", 0)));
  monster.equipped = make_union<EquipmentUnion>(game::world::Equipment_Weapon, weapon("knife", 0));
  monster.path = {place(1), place(2)};
  monster.grips = {game::world::Grip(1, true)};
  monster.names = {"one", "two", ""};
  monster.bag = equipment();
  monster.weight = 1.5F;
  monster.height = 2.5;
  monster.long_run = {1, -2, 3};
  monster.colors = {game::world::Color_Red};
  monster.maybe = 3;
  monster.rank = game::world::Rank_None;
  monster.skills.push_back(std::make_unique<game::world::SkillT>());
  monster.skills.back()->id = "swim";
  monster.must = make_union<EquipmentUnion>(game::world::Equipment_Spot, place(4));
  monster.hashed = 5;
  monster.flags = {true, false};
  monster.aligned = Buffer(20, 1);
  monster.all = equipment();
  made.push_back(pack<game::world::Monster>(monster, game::world::MonsterIdentifier()));
  return made;
}

void read_monster(const std::uint8_t* bytes) {
  read<game::world::Monster>(bytes);
  const game::world::Monster* monster = game::world::GetMonster(bytes);
  while (monster->inner() != nullptr) {
    monster = monster->inner_nested_root();
    const std::unique_ptr<game::world::MonsterT> inner(monster->UnPack());
  }
}

// ---- tree

NodeT node(int depth) {
  NodeT made;
  made.name = "node";
  made.value = depth;
  made.samples = {1, 2};
  made.labels = {"x"};
  if (depth == 0) return made;
  made.left = std::make_unique<NodeT>(node(depth - 1));
  made.right = std::make_unique<NodeT>(node(depth / 2));
  made.children.push_back(std::make_unique<NodeT>(node(depth / 3)));
  return made;
}

NodeT chain(int length) {
  NodeT made;
  if (length > 1) made.left = std::make_unique<NodeT>(chain(length - 1));
  return made;
}

std::vector<Buffer> trees() {
  return {pack<Node>(node(4), nullptr), pack<Node>(chain(30), nullptr), pack<Node>(NodeT(), nullptr)};
}

// ---- shapes

using shapes::ShapeUnion;

shapes::Matrix matrix() {
  const double rows[] = {1, 2, 3, 4};
  const shapes::Point points[] = {shapes::Point(1, 2), shapes::Point(3, 4)};
  return {rows, points, 1};
}

std::vector<ShapeUnion> all_shapes(int depth) {
  shapes::CircleT circle;
  circle.center = std::make_unique<shapes::Point>(1.0F, 2.0F);
  shapes::PolygonT polygon;
  polygon.corners = {shapes::Point(1, 2), shapes::Point(3, 4), shapes::Point(5, 6)};
  polygon.matrices = {matrix()};
  shapes::GroupT group;
  group.label = "group";
  if (depth > 0) group.members = all_shapes(depth - 1);
  std::vector<ShapeUnion> made;
  made.push_back(make_union<ShapeUnion>(shapes::Shape_Circle, std::move(circle)));
  made.push_back(make_union<ShapeUnion>(shapes::Shape_Polygon, std::move(polygon)));
  made.push_back(make_union<ShapeUnion>(shapes::Shape_Group, std::move(group)));
  made.push_back(make_union<ShapeUnion>(shapes::Shape_Corner, shapes::Point(7, 8)));
  made.push_back(make_union<ShapeUnion>(shapes::Shape_Frame, matrix()));
  made.push_back(make_union<ShapeUnion>(shapes::Shape_Text, std::string("text")));
  return made;
}

std::vector<Buffer> drawings() {
  std::vector<Buffer> made;
  for (const shapes::ShapeUnion& background : all_shapes(0)) {
    shapes::DrawingT drawing;
    drawing.title = "drawing";
    drawing.background = background;
    if (made.size() % 2 == 0) {
      drawing.frame = std::make_unique<shapes::Matrix>(matrix());
      drawing.layers = all_shapes(1);
      shapes::GroupT group;
      group.members = all_shapes(0);
      FlatBufferBuilder inset;
      inset.Finish(shapes::Group::Pack(inset, &group));
      drawing.inset = bytes_of(inset);
    }
    made.push_back(pack<shapes::Drawing>(drawing, shapes::DrawingIdentifier()));
  }
  return made;
}

void read_drawing(const std::uint8_t* bytes) {
  read<shapes::Drawing>(bytes);
  const shapes::Drawing* const drawing = shapes::GetDrawing(bytes);
  if (drawing->inset() == nullptr) return;
  const std::unique_ptr<shapes::GroupT> inset(drawing->inset_nested_root()->UnPack());
}

template <class BinarySchema>
std::span<const std::uint8_t> bfbs() {
  return {BinarySchema::data(), BinarySchema::size()};
}

}  // namespace

const std::vector<Oracle>& oracles() {
  static const std::vector<Oracle> all = {
      {"order", bfbs<market::OrderBinarySchema>(), orders(), accepts<market::Order, market::VerifyOrderBuffer>,
       read<market::Order>},
      {"monster", bfbs<game::world::MonsterBinarySchema>(), monsters(),
       accepts<game::world::Monster, game::world::VerifyMonsterBuffer>, read_monster},
      {"tree", bfbs<NodeBinarySchema>(), trees(), accepts<Node, VerifyNodeBuffer>, read<Node>},
      {"shapes", bfbs<shapes::DrawingBinarySchema>(), drawings(), accepts<shapes::Drawing, shapes::VerifyDrawingBuffer>,
       read_drawing},
  };
  return all;
}

}  // namespace millrace::tests
